//! Any bytes as what an engine's socket answers. For `fuzz/`.

use prost::Message;

use super::{Said, api, containerd, cri};

/// What they say, as each engine would be understood that may listen.
pub(in crate::engine) fn said(data: &[u8]) -> Vec<Said> {
    let docker = api::said("docker", "x", data).ok().flatten();
    let containerd = containerd::GetResponse::decode(data).ok().and_then(|answer| answer.container);
    let container = cri::ContainerStatusResponse::decode(data).ok().and_then(|answer| answer.status);
    let pod = cri::PodSandboxStatusResponse::decode(data).ok().and_then(|answer| answer.status);
    let all =
        [docker, containerd.map(containerd::of_container), container.map(cri::of_container), pod.map(cri::of_pod)];
    all.into_iter().flatten().collect()
}

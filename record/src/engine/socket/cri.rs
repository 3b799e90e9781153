//! Kubernetes' interface to runtimes, which containerd and CRI-O serve.
//!
//! Of the messages only the fields that are read are declared; numbers and types are those of `runtime.v1`.

use std::collections::BTreeMap;
use std::path::Path;

use tonic::Request;

use super::{Failure, Said, grpc};
use crate::engine::annotations::POD;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StatusRequest {
    /// Of a container or of a pod, by the method.
    #[prost(string, tag = "1")]
    pub(super) id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ContainerStatusResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<ContainerStatus>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ContainerStatus {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) metadata: Option<ContainerMetadata>,
    #[prost(message, optional, tag = "8")]
    pub(super) image: Option<ImageSpec>,
    #[prost(string, tag = "9")]
    pub(super) image_ref: String,
    #[prost(btree_map = "string, string", tag = "12")]
    pub(super) labels: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ContainerMetadata {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ImageSpec {
    #[prost(string, tag = "1")]
    pub(super) image: String,
    /// What the pod's specification says, where the kubelet hands it on.
    #[prost(string, tag = "18")]
    pub(super) user_specified_image: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PodSandboxStatusResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<PodSandboxStatus>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PodSandboxStatus {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) metadata: Option<PodSandboxMetadata>,
    #[prost(btree_map = "string, string", tag = "7")]
    pub(super) labels: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PodSandboxMetadata {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "3")]
    pub(super) namespace: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct VersionRequest {}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct VersionResponse {
    #[prost(string, tag = "2")]
    pub(super) runtime_name: String,
}

/// Asks for a container, and if there is none, for a pod: its pause container has the pod's id.
pub(super) async fn ask(socket: &Path, id: &str) -> Result<Option<Said>, Failure> {
    let request = || Request::new(StatusRequest { id: id.to_owned() });
    let method = "/runtime.v1.RuntimeService/ContainerStatus";
    let container: Option<ContainerStatusResponse> = grpc::call(socket, method, request()).await?;
    if let Some(status) = container.and_then(|answer| answer.status).filter(|status| status.id == id) {
        let engine = engine(socket).await?;
        return Ok(Some(Said { engine, ..of_container(status) }));
    }
    let method = "/runtime.v1.RuntimeService/PodSandboxStatus";
    let pod: Option<PodSandboxStatusResponse> = grpc::call(socket, method, request()).await?;
    let Some(status) = pod.and_then(|answer| answer.status).filter(|status| status.id == id) else { return Ok(None) };
    Ok(Some(Said { engine: engine(socket).await?, ..of_pod(status) }))
}

/// The engine that listens, if ctrec has a word for it.
async fn engine(socket: &Path) -> Result<Option<&'static str>, Failure> {
    let request = Request::new(VersionRequest {});
    let version: Option<VersionResponse> = grpc::call(socket, "/runtime.v1.RuntimeService/Version", request).await?;
    let name = version.map(|version| version.runtime_name).unwrap_or_default();
    Ok(["containerd", "cri-o", "docker"].into_iter().find(|engine| *engine == name))
}

pub(super) fn of_container(status: ContainerStatus) -> Said {
    let label = |key: &str| status.labels.get(key).cloned();
    let pod = label("io.kubernetes.pod.namespace").zip(label("io.kubernetes.pod.name"));
    let image = status.image.unwrap_or_default();
    Said {
        engine: None,
        name: status.metadata.map(|metadata| metadata.name),
        // The kubelet names images by their ids.
        image: [image.user_specified_image, image.image, status.image_ref]
            .into_iter()
            .find(|image| !image.is_empty() && !image.starts_with("sha256:")),
        pod: pod.map(|(namespace, pod)| format!("{namespace}/{pod}")),
        labels: status.labels,
    }
}

pub(super) fn of_pod(status: PodSandboxStatus) -> Said {
    let metadata = status.metadata.unwrap_or_default();
    let pod = (!metadata.name.is_empty()).then(|| format!("{}/{}", metadata.namespace, metadata.name));
    Said { engine: None, name: Some(POD.to_owned()), image: None, labels: status.labels, pod }
}

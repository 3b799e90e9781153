//! Kubernetes' interface to runtimes, as the kubelet uses it. Lives here: a pod with its containers, made and removed.
//!
//! Of the messages only the fields that are used are declared; numbers and types are those of `runtime.v1`.

use std::path::Path;

use prost::Message;
use tonic::Request;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

/// The host's own namespace of a kind.
const NODE: i32 = 2;

#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    uid: String,
    #[prost(string, tag = "3")]
    namespace: String,
}

#[derive(Clone, PartialEq, Message)]
struct ContainerMetadata {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct Namespaces {
    #[prost(int32, tag = "1")]
    network: i32,
}

#[derive(Clone, PartialEq, Message)]
struct SecurityContext {
    #[prost(message, optional, tag = "1")]
    namespaces: Option<Namespaces>,
}

#[derive(Clone, PartialEq, Message)]
struct LinuxPod {
    #[prost(string, tag = "1")]
    cgroup_parent: String,
    #[prost(message, optional, tag = "2")]
    security_context: Option<SecurityContext>,
}

#[derive(Clone, PartialEq, Message)]
struct PodConfig {
    #[prost(message, optional, tag = "1")]
    metadata: Option<Metadata>,
    #[prost(message, optional, tag = "8")]
    linux: Option<LinuxPod>,
}

#[derive(Clone, PartialEq, Message)]
struct Image {
    #[prost(string, tag = "1")]
    image: String,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct ContainerConfig {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ContainerMetadata>,
    #[prost(message, optional, tag = "2")]
    image: Option<Image>,
    #[prost(string, repeated, tag = "3")]
    command: Vec<String>,
    #[prost(message, repeated, tag = "9")]
    labels: Vec<Label>,
}

#[derive(Clone, PartialEq, Message)]
struct RunPod {
    #[prost(message, optional, tag = "1")]
    config: Option<PodConfig>,
}

#[derive(Clone, PartialEq, Message)]
struct CreateContainer {
    #[prost(string, tag = "1")]
    pod: String,
    #[prost(message, optional, tag = "2")]
    config: Option<ContainerConfig>,
    #[prost(message, optional, tag = "3")]
    pod_config: Option<PodConfig>,
}

/// An id, as most calls take or give it.
#[derive(Clone, PartialEq, Message)]
struct Id {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, Message)]
struct Nothing {}

/// A pod on the host's network. Removed on drop.
pub(crate) struct Pod {
    runtime: tokio::runtime::Runtime,
    channel: Channel,
    config: PodConfig,
    id: String,
}

impl Pod {
    /// Starts a pod, without containers but the one that holds its namespaces.
    pub(crate) fn start(socket: &Path, namespace: &str, name: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let endpoint = Endpoint::from_shared(format!("unix://{}", socket.display())).unwrap();
        let channel = runtime.block_on(endpoint.connect()).unwrap();
        let metadata = Metadata { name: name.to_owned(), uid: format!("uid-{name}"), namespace: namespace.to_owned() };
        let security_context = SecurityContext { namespaces: Some(Namespaces { network: NODE }) };
        let linux = LinuxPod { cgroup_parent: String::new(), security_context: Some(security_context) };
        let config = PodConfig { metadata: Some(metadata), linux: Some(linux) };
        let mut pod = Self { runtime, channel, config, id: String::new() };
        let started: Id = pod.call("RunPodSandbox", RunPod { config: Some(pod.config.clone()) });
        pod.id = started.id;
        pod
    }

    /// Starts a container in the pod, and gives its id.
    pub(crate) fn run(&self, name: &str, image: &str, label: (&str, &str), command: &[&str]) -> String {
        let config = ContainerConfig {
            metadata: Some(ContainerMetadata { name: name.to_owned() }),
            image: Some(Image { image: image.to_owned() }),
            command: command.iter().map(|&word| word.to_owned()).collect(),
            labels: vec![Label { key: label.0.to_owned(), value: label.1.to_owned() }],
        };
        let create =
            CreateContainer { pod: self.id.clone(), config: Some(config), pod_config: Some(self.config.clone()) };
        let created: Id = self.call("CreateContainer", create);
        let _started: Nothing = self.call("StartContainer", created.clone());
        created.id
    }

    fn call<Q: Message + 'static, A: Message + Default + 'static>(&self, method: &str, request: Q) -> A {
        let path: PathAndQuery = format!("/runtime.v1.RuntimeService/{method}").parse().unwrap();
        let mut service = Grpc::new(self.channel.clone());
        let answer = self.runtime.block_on(async {
            service.ready().await.unwrap();
            service.unary(Request::new(request), path, ProstCodec::<Q, A>::default()).await
        });
        answer.unwrap_or_else(|status| panic!("{method}: {status}")).into_inner()
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let id = Id { id: self.id.clone() };
        let _stopped: Nothing = self.call("StopPodSandbox", id.clone());
        let _removed: Nothing = self.call("RemovePodSandbox", id);
    }
}

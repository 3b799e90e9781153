//! containerd's own service, for containers that its other clients made: `ctr`, nerdctl.
//!
//! Of the messages only the fields that are read are declared; numbers and types are those of
//! `containerd.services.containers.v1`.

use std::collections::BTreeMap;
use std::path::Path;

use tonic::Request;
use tonic::metadata::MetadataValue;

use super::{Failure, Said, grpc};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct GetRequest {
    #[prost(string, tag = "1")]
    pub(super) id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct GetResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) container: Option<Container>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Container {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(btree_map = "string, string", tag = "2")]
    pub(super) labels: BTreeMap<String, String>,
    #[prost(string, tag = "3")]
    pub(super) image: String,
}

/// Asks for a container of a namespace.
pub(super) async fn ask(socket: &Path, namespace: &str, id: &str) -> Result<Option<Said>, Failure> {
    let mut request = Request::new(GetRequest { id: id.to_owned() });
    let namespace = MetadataValue::try_from(namespace).map_err(|error| Failure::Broken(error.to_string()))?;
    request.metadata_mut().insert("containerd-namespace", namespace);
    let method = "/containerd.services.containers.v1.Containers/Get";
    let answer: Option<GetResponse> = grpc::call(socket, method, request).await?;
    let container = answer.and_then(|answer| answer.container).filter(|container| container.id == id);
    Ok(container.map(of_container))
}

pub(super) fn of_container(container: Container) -> Said {
    Said {
        engine: Some("containerd"),
        name: Some(container.labels.get("nerdctl/name").cloned().unwrap_or(container.id)),
        image: Some(container.image),
        labels: container.labels,
        pod: None,
    }
}

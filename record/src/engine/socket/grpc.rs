//! One call of a gRPC service on a Unix socket.

use std::path::Path;

use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Endpoint;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;

use super::{Failure, LARGEST_BYTES};
use crate::error::chain;

/// Calls a method; `None` if the service knows no such thing, or whoever listens no such service.
pub(super) async fn call<Q, A>(socket: &Path, method: &'static str, request: Request<Q>) -> Result<Option<A>, Failure>
where
    Q: prost::Message + 'static,
    A: prost::Message + Default + 'static,
{
    let path = socket.to_str().ok_or_else(|| Failure::Broken("its path is not text".to_owned()))?;
    let endpoint =
        Endpoint::from_shared(format!("unix://{path}")).map_err(|error| Failure::Broken(error.to_string()))?;
    let channel = endpoint.connect().await.map_err(|error| Failure::Connect(std::io::Error::other(chain(&error))))?;
    let mut service = Grpc::new(channel).max_decoding_message_size(LARGEST_BYTES);
    service.ready().await.map_err(|error| Failure::Broken(chain(&error)))?;
    let codec = ProstCodec::<Q, A>::default();
    match service.unary(request, PathAndQuery::from_static(method), codec).await {
        Ok(response) => Ok(Some(response.into_inner())),
        Err(status) if matches!(status.code(), Code::NotFound | Code::Unimplemented) => Ok(None),
        Err(status) => Err(Failure::Broken(chain(&status))),
    }
}

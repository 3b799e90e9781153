//! Docker's API, which podman serves too: one request, one JSON document.

use std::path::Path;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

use super::{Failure, LARGEST_BYTES, Said};

/// More bytes of headers are not read.
const HEADERS_BYTES: usize = 64 << 10;

/// Asks for a container. It must be the very one: engines take a name where they are given an id.
pub(super) async fn ask(socket: &Path, engine: &'static str, id: &str) -> Result<Option<Said>, Failure> {
    match get(socket, &format!("/containers/{id}/json")).await? {
        Some(body) => said(engine, id, &body),
        None => Ok(None),
    }
}

/// What a document says; `None` if it is about another container.
pub(super) fn said(engine: &'static str, id: &str, body: &[u8]) -> Result<Option<Said>, Failure> {
    let record: Value = serde_json::from_slice(body).map_err(broken)?;
    let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    match text("/Id") {
        Some(found) if found == id => {}
        Some(_) => return Ok(None),
        None => return Err(Failure::Broken("it has no Id".to_owned())),
    }
    let labels = record.pointer("/Config/Labels").and_then(Value::as_object).into_iter().flatten();
    let labels = labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    Ok(Some(Said {
        engine: Some(engine),
        name: text("/Name").map(|name| name.trim_start_matches('/').to_owned()),
        image: text("/Config/Image"),
        labels: labels.collect(),
        pod: None,
    }))
}

/// The body of a document; `None` if there is no such document.
async fn get(socket: &Path, path: &str) -> Result<Option<Bytes>, Failure> {
    let stream = UnixStream::connect(socket).await.map_err(Failure::Connect)?;
    let mut protocol = http1::Builder::new();
    let connected = protocol.max_buf_size(HEADERS_BYTES).handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = connected.map_err(broken)?;
    let _connection = Task(tokio::spawn(connection));
    let request = Request::get(path).header("host", "localhost").body(Empty::<Bytes>::new()).map_err(broken)?;
    let response = sender.send_request(request).await.map_err(broken)?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Ok(None),
        status => return Err(Failure::Status(status.as_u16())),
    }
    let body = Limited::new(response.into_body(), LARGEST_BYTES).collect().await;
    Ok(Some(body.map_err(|error| Failure::Broken(error.to_string()))?.to_bytes()))
}

/// A task that ends with this value: a connection that nobody reads from any more.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn broken(error: impl std::error::Error) -> Failure {
    Failure::Broken(error.to_string())
}

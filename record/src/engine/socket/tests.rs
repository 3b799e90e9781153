//! Engines that answer well, badly, or not at all, each on a socket of its own.

use std::cell::RefCell;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use prost::Message;
use tempfile::TempDir;

use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A host with a Docker, a podman, a containerd and a CRI-O, if they are given what to do with a connection.
struct Engines {
    folder: TempDir,
    asker: Asker,
    /// Answers that came together with one that was waited for.
    more: RefCell<Vec<Answer>>,
}

impl Engines {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), asker: Asker::start().unwrap(), more: RefCell::default() }
    }

    fn path(&self, socket: &str) -> PathBuf {
        let path = self.folder.path().join(socket);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// Listens on a socket, and serves each connection on a thread.
    fn serve(self, socket: &str, serve: impl Fn(UnixStream) + Clone + Send + 'static) -> Self {
        let listener = UnixListener::bind(self.path(socket)).unwrap();
        thread::spawn(move || {
            for connection in listener.incoming().filter_map(Result::ok) {
                let serve = serve.clone();
                thread::spawn(move || serve(connection));
            }
        });
        self
    }

    fn ask(&self, number: u32, asks: &[Ask]) {
        let question = Question { id: ID.to_owned(), asks: asks.to_vec() };
        assert!(self.asker.ask(&Host::at(self.folder.path()), number, &question));
    }

    /// The next answer. It wakes whoever polls.
    fn answer(&self) -> Answer {
        let until = Instant::now() + PATIENCE * 4;
        loop {
            if let Some(answer) = self.more.borrow_mut().pop() {
                return answer;
            }
            let mut descriptors = [PollFd::new(self.asker.as_fd(), PollFlags::POLLIN)];
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "an answer comes, whatever an engine does");
            poll(&mut descriptors, PollTimeout::try_from(left).unwrap()).unwrap();
            self.more.borrow_mut().extend(self.asker.answers());
        }
    }

    /// Asks Docker, and gives what is wrong with it, if anything.
    fn trouble(&self) -> Option<String> {
        self.ask(1, &[Ask::Docker]);
        let answer = self.answer();
        assert_eq!(answer.said, None);
        answer.troubles.into_iter().next().map(|trouble| trouble.reason)
    }
}

/// Reads a request, and answers with some bytes.
fn reply(bytes: impl AsRef<[u8]> + Clone + Send + 'static) -> impl Fn(UnixStream) + Clone + Send + 'static {
    move |mut connection| {
        let mut request = [0; 4096];
        let _bytes = connection.read(&mut request).unwrap();
        // Whoever asked may have had enough.
        connection.write_all(bytes.as_ref()).unwrap_or_default();
    }
}

fn document(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn container() -> String {
    let body = serde_json::json!({
        "Id": ID, "Name": "/web", "Config": { "Image": "nginx:1", "Labels": { "tier": "front" } }
    });
    document("200 OK", &body.to_string())
}

#[test]
fn docker_and_podman_say_name_image_and_labels() {
    let engines = Engines::new().serve("run/docker.sock", reply(container()));
    let engines = engines.serve("run/user/1000/podman/podman.sock", reply(container()));
    for (whom, engine) in [(Ask::Docker, "docker"), (Ask::Podman { user: Some(1000) }, "podman")] {
        engines.ask(7, &[whom]);
        let said = Said {
            engine: Some(engine),
            name: Some("web".to_owned()),
            image: Some("nginx:1".to_owned()),
            labels: BTreeMap::from([("tier".to_owned(), "front".to_owned())]),
            pod: None,
        };
        assert_eq!(engines.answer(), Answer { number: 7, said: Some(said), troubles: Vec::new() });
    }
}

#[test]
fn whoever_knows_the_container_is_believed_and_nobody_else() {
    let engines = Engines::new().serve("run/docker.sock", reply(document("404 Not Found", "{}")));
    let other = container().replace(ID, &ID.replace('0', "1"));
    let engines = engines.serve("run/podman/podman.sock", reply(other));
    let engines = engines.serve("run/user/7/podman/podman.sock", reply(container()));
    engines.ask(1, &[Ask::Docker, Ask::Podman { user: None }, Ask::Podman { user: Some(7) }]);
    let answer = engines.answer();
    assert_eq!((answer.said.and_then(|said| said.engine), answer.troubles), (Some("podman"), Vec::new()));
    engines.ask(2, &[Ask::Docker, Ask::Podman { user: None }]);
    assert_eq!(engines.answer(), Answer { number: 2, said: None, troubles: Vec::new() });
}

#[test]
fn where_no_engine_listens_that_is_said() {
    let engines = Engines::new();
    engines.ask(1, &[Ask::Docker, Ask::Podman { user: None }]);
    let absent = |socket: &str| Trouble { socket: socket.into(), reason: "is not there".to_owned() };
    let troubles = vec![absent("/run/docker.sock"), absent("/run/podman/podman.sock")];
    assert_eq!(engines.answer(), Answer { number: 1, said: None, troubles });
}

#[test]
fn what_an_engine_breaks_is_said() {
    let wrong_types = serde_json::json!({ "Id": ID, "Name": 3, "Config": [] }).to_string();
    for (bytes, reason) in [
        (document("500 Internal Server Error", "{}"), Some("status 500")),
        ("nonsense\r\n\r\n".to_owned(), Some("not understood")),
        (String::new(), Some("not understood")),
        ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"Id\":".to_owned(), Some("not understood")),
        (document("200 OK", "{"), Some("not understood")),
        (document("200 OK", "[]"), Some("no Id")),
        (document("200 OK", &"[".repeat(100_000)), Some("not understood")),
        (document("404 Not Found", "nonsense"), None),
    ] {
        let trouble = Engines::new().serve("run/docker.sock", reply(bytes.clone())).trouble();
        match (reason, trouble) {
            (Some(reason), Some(trouble)) => assert!(trouble.contains(reason), "{trouble}"),
            (reason, trouble) => assert_eq!(trouble.as_deref(), reason, "{bytes}"),
        }
    }
    let engines = Engines::new().serve("run/docker.sock", reply(document("200 OK", &wrong_types)));
    engines.ask(1, &[Ask::Docker]);
    let said = engines.answer().said.unwrap();
    assert_eq!(
        (said.name, said.image, said.labels),
        (None, None, BTreeMap::new()),
        "what is of a wrong type is not there"
    );
}

#[test]
fn answers_without_end_are_cut_off() {
    let endless = |start: &'static str, more: &'static str| {
        move |mut connection: UnixStream| {
            let mut request = [0; 4096];
            let _bytes = connection.read(&mut request).unwrap();
            let more = more.repeat(1000);
            let mut is_read = connection.write_all(start.as_bytes()).is_ok();
            while is_read {
                is_read = connection.write_all(more.as_bytes()).is_ok();
            }
        }
    };
    for (start, more) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n", "x"),
        ("HTTP/1.1 200 OK\r\n\r\n", " "),
        ("HTTP/1.1 200 OK\r\n", "x: y\r\n"),
        ("HTTP/1.1 200 OK\r\nx: ", "y"),
    ] {
        let trouble = Engines::new().serve("run/docker.sock", endless(start, more)).trouble();
        assert!(trouble.as_ref().is_some_and(|trouble| trouble.contains("not understood")), "{start:?}: {trouble:?}");
    }
}

#[test]
fn a_socket_that_keeps_silent_delays_nobody_and_is_left_alone() {
    let silent = |mut connection: UnixStream| {
        let mut bytes = [0; 4096];
        while matches!(connection.read(&mut bytes), Ok(1..)) {}
    };
    let engines = Engines::new().serve("run/docker.sock", silent).serve("run/crio/crio.sock", silent);
    let engines = engines.serve("run/podman/podman.sock", reply(container()));
    let started = Instant::now();
    engines.ask(1, &[Ask::Docker]);
    engines.ask(2, &[Ask::Cri]);
    engines.ask(3, &[Ask::Podman { user: None }]);
    assert!(started.elapsed() < PATIENCE, "asking waits for nobody");
    let first = engines.answer();
    assert_eq!((first.number, first.said.is_some()), (3, true), "and no answer for another");
    let mut late = [engines.answer(), engines.answer()];
    late.sort_by_key(|answer| answer.number);
    for (answer, socket) in late.iter().zip(["run/docker.sock", "run/crio/crio.sock"]) {
        assert_eq!(answer.troubles[0].socket, engines.path(socket));
        assert!(answer.troubles[0].reason.contains("no answer within"), "{answer:?}");
    }
    engines.ask(4, &[Ask::Docker, Ask::Podman { user: None }]);
    let again = engines.answer();
    assert_eq!((again.said.is_some(), again.troubles), (true, Vec::new()), "it is not asked again at once");
}

#[test]
fn what_is_no_socket_is_no_engine() {
    let engines = Engines::new();
    let path = engines.path("run/docker.sock");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(engines.trouble().unwrap().contains("cannot connect"));
    fs::remove_file(&path).unwrap();
    fs::write(&path, "").unwrap();
    assert!(engines.trouble().unwrap().contains("cannot connect"));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(engines.trouble().unwrap().contains("cannot connect"));
    // Whoever listened is gone, and the socket still there.
    fs::remove_dir(&path).unwrap();
    drop(UnixListener::bind(&path).unwrap());
    assert!(engines.trouble().unwrap().contains("cannot connect"));
}

#[test]
fn too_many_questions_are_refused_and_the_others_answered() {
    let engines = Engines::new().serve("run/docker.sock", reply(container()));
    let host = Host::at(engines.folder.path());
    let question = Question { id: ID.to_owned(), asks: vec![Ask::Docker] };
    let taken = (0..10_000).filter(|number| engines.asker.ask(&host, *number, &question)).count();
    assert!((WAITING..10_000).contains(&taken), "{taken}");
    let mut answered: Vec<u32> =
        (0..taken).map(|_| engines.answer()).filter(|it| it.said.is_some()).map(|it| it.number).collect();
    answered.sort_unstable();
    answered.dedup();
    assert_eq!(answered.len(), taken);
}

/// Reads HTTP/2 until a request is whole, and answers it with a message, as gRPC does. Enough for one call.
fn grpc(message: Vec<u8>) -> impl Fn(UnixStream) + Clone + Send + 'static {
    const HEADERS: u8 = 1;
    const END: u8 = 1;
    move |mut connection| {
        let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
            let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
            [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
        };
        let mut preface = [0; 24];
        connection.read_exact(&mut preface).unwrap();
        connection.write_all(&frame(4, 0, 0, &[])).unwrap();
        loop {
            let mut head = [0; 9];
            if connection.read_exact(&mut head).is_err() {
                return;
            }
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            connection.read_exact(&mut payload).unwrap();
            let (kind, flags) = (head[3], head[4]);
            match kind {
                4 if flags == 0 => connection.write_all(&frame(4, 1, 0, &[])).unwrap(),
                0 if flags & END == END => break,
                _ => {}
            }
        }
        let literal = |name: &str, value: &str| {
            let part = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            [vec![0], part(name), part(value)].concat()
        };
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let head = [vec![0x88], literal("content-type", "application/grpc")].concat();
        let answer = [
            frame(HEADERS, 4, 1, &head),
            frame(0, 0, 1, &[&[0], length.as_slice(), &message].concat()),
            frame(HEADERS, 4 | END, 1, &literal("grpc-status", "0")),
        ];
        connection.write_all(&answer.concat()).unwrap();
        let mut rest = [0; 4096];
        while matches!(connection.read(&mut rest), Ok(1..)) {}
    }
}

fn containerds(id: &str) -> Vec<u8> {
    let labels = BTreeMap::from([("tier".to_owned(), "front".to_owned())]);
    let container = containerd::Container { id: id.to_owned(), labels, image: "docker.io/library/nginx:1".to_owned() };
    containerd::GetResponse { container: Some(container) }.encode_to_vec()
}

#[test]
fn containerd_says_image_and_labels() {
    let engines = Engines::new().serve("run/containerd/containerd.sock", grpc(containerds(ID)));
    engines.ask(1, &[Ask::Containerd { namespace: "default".to_owned() }]);
    let answer = engines.answer();
    let said = answer.said.unwrap_or_else(|| panic!("{:?}", answer.troubles));
    assert_eq!((said.engine, said.name.as_deref()), (Some("containerd"), Some(ID)));
    assert_eq!((said.image.as_deref(), said.labels.len()), (Some("docker.io/library/nginx:1"), 1));
}

#[test]
fn a_grpc_service_that_breaks_is_no_help() {
    let ask = [Ask::Containerd { namespace: "default".to_owned() }];
    for (message, is_trouble) in
        [(containerds("other"), false), (Vec::new(), false), (vec![0xff; 20], true), (vec![0; LARGEST_BYTES + 1], true)]
    {
        let engines = Engines::new().serve("run/containerd/containerd.sock", grpc(message));
        engines.ask(1, &ask);
        let answer = engines.answer();
        assert_eq!((answer.said, answer.troubles.len()), (None, usize::from(is_trouble)));
    }
    for bytes in ["", "nonsense", "HTTP/1.1 400 Bad Request\r\n\r\n"] {
        let engines = Engines::new().serve("run/containerd/containerd.sock", reply(bytes));
        engines.ask(1, &ask);
        let answer = engines.answer();
        assert_eq!((answer.said, answer.troubles.len()), (None, 1), "{bytes:?}");
    }
}

#[test]
fn a_socket_is_found_below_the_host_alone() {
    let engines = Engines::new().serve("run/docker.sock", reply(container()));
    let found = Ask::Docker.sockets(&Host::at(engines.folder.path()));
    assert_eq!(found, [Path::new("/run/docker.sock")]);
    assert_eq!(Ask::Podman { user: Some(3) }.sockets(&Host::at(engines.folder.path())), Vec::<PathBuf>::new());
    assert!(Duration::from_secs(10) > PATIENCE, "a recorder's window is longer than an engine's time");
}

//! Asking the engines' sockets for what the disk does not say: names, images, labels.
//!
//! An engine may be slow, broken, or anybody who listens where an engine would. So the asking has a thread of its own,
//! for which nobody waits: questions go there by a bounded channel, answers come back by another, and a byte on a pair of
//! sockets wakes whoever polls that. Each question has a time limit and each answer a size limit; a socket that kept
//! silent is left alone for a while.
//!
//! Lives here: the thread, its limits, and what went wrong. Does not: what an answer's bytes mean (see `api`, `cri`,
//! `containerd`), whom to ask (see `question`).

mod api;
mod containerd;
mod cri;
#[cfg(fuzzing)]
pub(super) mod fuzzing;
mod grpc;
mod said;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc as answers;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::Host;
use super::question::{Ask, Question};

pub(crate) use said::Said;

/// How long a socket may take for an answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a socket that took longer is left alone.
const REST: Duration = Duration::from_secs(30);
/// Questions that are asked at the same time.
const AT_ONCE: usize = 4;
/// Questions that wait for that. One more is asked again later.
const WAITING: usize = 256;
/// A larger answer is not read.
const LARGEST_BYTES: usize = 4 << 20;

/// Whoever asks the engines' sockets.
#[derive(Debug)]
pub(crate) struct Asker {
    questions: mpsc::Sender<Errand>,
    answers: answers::Receiver<Answer>,
    /// Readable when there are answers.
    wake: UnixStream,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The container that was asked for.
    pub(crate) number: u32,
    /// What the first engine that knows it said; `None`: none does.
    pub(crate) said: Option<Said>,
    /// Sockets that gave no answer that means anything.
    pub(crate) troubles: Vec<Trouble>,
}

/// A socket that gave no answer that means anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) socket: PathBuf,
    pub(crate) reason: String,
}

/// Why an answer means nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    #[error("no answer within {} seconds", PATIENCE.as_secs())]
    Late,
    #[error("answers with status {0}")]
    Status(u16),
    #[error("answers what is not understood: {0}")]
    Broken(String),
}

/// A question, and the sockets to ask it on.
#[derive(Debug)]
struct Errand {
    number: u32,
    id: String,
    places: Vec<(Ask, PathBuf)>,
    /// That there are none.
    troubles: Vec<Trouble>,
}

impl Asker {
    /// Starts the thread. It ends when this value does, by itself.
    pub(crate) fn start() -> io::Result<Self> {
        let (wake, waker) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        let (questions, errands) = mpsc::channel(WAITING);
        let (sender, answers) = answers::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let asking = Arc::new(Asking { sender, waker, resting: Mutex::default() });
        thread::Builder::new()
            .name("ctrec-asker".to_owned())
            .spawn(move || runtime.block_on(serve(errands, asking)))?;
        Ok(Self { questions, answers, wake })
    }

    /// Asks about a container; `false` if too many questions wait, or the thread is gone.
    pub(crate) fn ask(&self, host: &Host, number: u32, question: &Question) -> bool {
        let mut places = Vec::new();
        for ask in &question.asks {
            places.extend(ask.sockets(host).into_iter().map(|socket| (ask.clone(), host.path(socket))));
        }
        let whom = question.asks.iter().filter(|_| places.is_empty());
        let troubles = whom.map(|ask| Trouble { socket: ask.usual(), reason: "is not there".to_owned() }).collect();
        self.questions.try_send(Errand { number, id: question.id.clone(), places, troubles }).is_ok()
    }

    /// Answers that have come.
    pub(crate) fn answers(&self) -> Vec<Answer> {
        let mut bytes = [0; 64];
        while matches!((&self.wake).read(&mut bytes), Ok(1..)) {}
        self.answers.try_iter().collect()
    }
}

impl AsFd for Asker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

/// What all questions share.
struct Asking {
    sender: answers::Sender<Answer>,
    waker: UnixStream,
    /// Sockets that kept silent, and until when they are left alone.
    resting: Mutex<BTreeMap<PathBuf, Instant>>,
}

async fn serve(mut errands: mpsc::Receiver<Errand>, asking: Arc<Asking>) {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    while let Some(errand) = errands.recv().await {
        let Ok(turn) = turns.clone().acquire_owned().await else { return };
        let asking = asking.clone();
        tokio::spawn(async move {
            asking.run(&errand).await;
            drop(turn);
        });
    }
}

impl Asking {
    async fn run(&self, errand: &Errand) {
        let mut answer = Answer { number: errand.number, said: None, troubles: errand.troubles.clone() };
        for (whom, socket) in &errand.places {
            if self.rests(socket) {
                continue;
            }
            match ask(whom, socket, &errand.id).await {
                Ok(None) => {}
                Ok(said) => {
                    answer.said = said;
                    break;
                }
                Err(failure) => {
                    if matches!(failure, Failure::Late) {
                        self.resting().insert(socket.clone(), Instant::now() + REST);
                    }
                    answer.troubles.push(Trouble { socket: socket.clone(), reason: failure.to_string() });
                }
            }
        }
        // Whoever is not there any more needs neither the answer nor waking, and a full pair wakes already.
        if self.sender.send(answer).is_ok() {
            (&self.waker).write(&[1]).unwrap_or_default();
        }
    }

    fn rests(&self, socket: &Path) -> bool {
        self.resting().get(socket).is_some_and(|until| Instant::now() < *until)
    }

    fn resting(&self) -> std::sync::MutexGuard<'_, BTreeMap<PathBuf, Instant>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks one engine; `Ok(None)`: it knows no such container.
async fn ask(whom: &Ask, socket: &Path, id: &str) -> Result<Option<Said>, Failure> {
    let answer = async {
        match whom {
            Ask::Docker => api::ask(socket, "docker", id).await,
            Ask::Podman { .. } => api::ask(socket, "podman", id).await,
            Ask::Containerd { namespace } => containerd::ask(socket, namespace, id).await,
            Ask::Cri => cri::ask(socket, id).await,
        }
    };
    timeout(PATIENCE, answer).await.unwrap_or(Err(Failure::Late))
}

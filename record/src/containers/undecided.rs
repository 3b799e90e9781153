//! Containers of which something is not known yet: whether they are wanted, their name, their labels.
//!
//! Lives here: when a pattern can be held against a container, what is asked for it, and what becomes of it. Does not:
//! where names come from (see `engine`).

use ctrec_recording::Container;

use super::{Basis, Containers, State, Verdict};
use crate::engine::{self, Answer, Description, Newcomer, Question, Recognition};

/// A container of which something is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Open {
    /// How to look again.
    pub(super) newcomer: Newcomer,
    /// See [`Description`].
    pub(super) named: bool,
    /// Whether image and labels are known too.
    pub(super) is_complete: bool,
    /// What its engine's socket is asked, until that has answered.
    pub(super) question: Option<Question>,
    /// The question is on its way.
    pub(super) is_asked: bool,
}

/// What was not found out about a container in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Its engine's record.
    Unresolved,
    /// Whether the pattern means it: labels, say, that its engine alone knows.
    Undecided,
}

impl Containers {
    /// Whether enough is known of a container to turn it away.
    pub(super) fn is_decided(&self, row: &Container, named: bool, is_complete: bool) -> bool {
        let is_enough = match self.basis {
            Basis::Names => true,
            Basis::Pods => is_complete || row.pod.is_some(),
            Basis::Everything => is_complete,
        };
        named && is_enough
    }

    /// Holds the pattern against what is known.
    pub(super) fn decide(&mut self, number: u32, found: Description, newcomer: Newcomer) -> Verdict {
        let Description { row, named, question } = found;
        let row = Box::new(Container { container: number, ..row });
        let open = Open { newcomer, named, is_complete: question.is_none(), question, is_asked: false };
        self.decide_open(row, open)
    }

    /// One that does not match is only turned away when what the pattern looks at is its own: engines give their records
    /// up as soon as a container is gone, which may be before we came to look.
    fn decide_open(&mut self, row: Box<Container>, open: Open) -> Verdict {
        let number = row.container;
        if (self.matches)(&row) {
            let is_open = !(open.named && row.resolved) || open.question.is_some();
            self.states.insert(number, State::Recorded { row, open: is_open.then(|| Box::new(open)) });
        } else if self.is_decided(&row, open.named, open.is_complete) {
            self.forget(number);
            return Verdict::Drop;
        } else {
            self.states.insert(number, State::Undecided { row, open: Box::new(open) });
        }
        Verdict::Keep
    }

    /// Puts the questions that engines' sockets have not been asked yet; `put` says whether one was taken.
    pub(crate) fn ask(&mut self, mut put: impl FnMut(u32, &Question) -> bool) {
        for (number, state) in &mut self.states {
            if let State::Undecided { open, .. } | State::Recorded { open: Some(open), .. } = state
                && let Some(question) = open.question.as_ref().filter(|_| !open.is_asked)
            {
                open.is_asked = put(*number, question);
            }
        }
    }

    /// Whether an answer is to come.
    pub(crate) fn await_answers(&self) -> bool {
        self.states.values().any(State::awaits)
    }

    /// An engine answered, or nobody knows the container.
    pub(crate) fn answered(&mut self, answer: Answer) -> Verdict {
        let (mut row, mut open) = match self.states.remove(&answer.number) {
            Some(State::Undecided { row, open } | State::Recorded { row, open: Some(open) }) => (row, open),
            Some(other) => {
                self.states.insert(answer.number, other);
                return Verdict::Keep;
            }
            None => return Verdict::Keep, /* dropped meanwhile */
        };
        open.question = None;
        if let Some(said) = answer.said {
            said.fill(&mut row, open.named);
            open.named = true;
            open.is_complete = true;
        }
        self.decide_open(row, *open)
    }

    /// Looks again for what could not be found before. Returns containers that turn out not to be wanted.
    pub(crate) fn look_again(&mut self) -> Vec<u32> {
        let open: Vec<(u32, Container, Open)> = self
            .states
            .iter()
            .filter_map(|(number, state)| match state {
                State::Recorded { row, open: Some(open) } if open.named && row.resolved => None,
                State::Undecided { row, open } | State::Recorded { row, open: Some(open) } => {
                    open.question.is_none().then(|| (*number, (**row).clone(), (**open).clone()))
                }
                _ => None,
            })
            .collect();
        let mut dropped = Vec::new();
        for (number, Container { started_ns, already_running, resolved, .. }, Open { newcomer, named, .. }) in open {
            let Recognition::Container(mut found) = engine::recognise(&self.host, &newcomer) else { continue };
            if named && !found.named || resolved && !found.row.resolved {
                continue; /* its engine has forgotten it by now */
            }
            found.row = Container { started_ns, already_running, ..found.row };
            if self.decide(number, *found, newcomer) == Verdict::Drop {
                dropped.push(number);
            }
        }
        dropped
    }

    /// Keeps containers of which nobody could say whether they are wanted, and names all of which too little is known:
    /// those that have `ended`, or every one at the end.
    pub(crate) fn give_up(&mut self, ended: impl Fn(u32) -> bool) -> Vec<(u32, Doubt)> {
        let mut doubtful = Vec::new();
        for (number, state) in self.states.iter_mut().filter(|(number, _)| ended(**number)) {
            let (row, doubt) = match state {
                State::Undecided { row, open } if open.named && row.resolved => (row.clone(), Doubt::Undecided),
                State::Undecided { row, .. } => (row.clone(), Doubt::Unresolved),
                State::Recorded { row, open } => {
                    if open.take().is_some_and(|open| !(open.named && row.resolved)) {
                        doubtful.push((*number, Doubt::Unresolved));
                    }
                    continue;
                }
                _ => continue,
            };
            *state = State::Recorded { row, open: None };
            doubtful.push((*number, doubt));
        }
        doubtful
    }
}

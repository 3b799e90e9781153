//! Which containers a `PATTERN` means: a name, an id prefix, a glob, `image=...`, `label=key=value` or
//! `pod=namespace/name`.
//!
//! Lives here: patterns, and which matches may be judged as one. Does not: what the containers did.

#[cfg(test)]
mod tests;
mod word;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use ctrec_recording::{Container, Recording};
use wildmatch::WildMatch;

use crate::behaviour::{Behaviour, BehaviourError};
use crate::text::{shortened, visible};
pub use word::pattern_for;

/// Shorter prefixes of an id are taken for names only: `web` or `db` must not pick a container by chance.
const SHORTEST_ID_PREFIX: usize = 4;
/// Length of an id as people write it.
const SHORT_ID: usize = 12;
/// Widest name and id in a line of an error.
const WIDEST_NAME: usize = 40;
/// Widest image there: one with a registry and a digest fits.
const WIDEST_IMAGE: usize = 120;
/// Most containers that an error lists.
const MOST_LISTED: usize = 20;

/// Which containers are meant.
#[derive(Debug, Clone, PartialEq)]
pub enum Pattern {
    /// A name; where none is equal, an id prefix; where none begins so, a glob over names.
    Text(String),
    /// `image=`: a glob over images; one without tag takes every tag.
    Image(String),
    /// `label=key=value`: the value is a glob.
    Label(String, String),
    /// `pod=namespace/name`: a glob.
    Pod(String),
}

/// Why a pattern chooses nothing.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// Not a pattern.
    #[error(
        "\"{0}\" is no pattern: write a name, an id, a glob (* and ?), image=IMAGE, label=KEY=VALUE or pod=NAMESPACE/NAME"
    )]
    NotAPattern(String),
    /// The recordings hold no container at all.
    #[error("no container was recorded: start the recording first, then the container")]
    NothingRecorded,
    /// No container matches.
    #[error("no container matches \"{pattern}\"; recorded were:{}", Lines(available))]
    NoMatch {
        /// The pattern, escaped.
        pattern: String,
        /// What there is.
        available: BTreeSet<Listed>,
    },
    /// Containers of different images match.
    #[error(
        "\"{pattern}\" matches containers of different images, which need a profile each; choose one by name, id or \
         image=IMAGE:{}",
        Lines(matching)
    )]
    DifferentImages {
        /// The pattern, escaped.
        pattern: String,
        /// What it matches.
        matching: BTreeSet<Listed>,
    },
    /// The recording of a chosen container is broken.
    #[error(transparent)]
    Behaviour(#[from] BehaviourError),
}

/// A container as errors list it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Name.
    pub name: String,
    /// Id, shortened.
    pub id: String,
    /// Image.
    pub image: Option<String>,
}

/// Containers that are to be judged as one: numbers of containers, by index of the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selection {
    chosen: BTreeMap<usize, BTreeSet<u32>>,
}

impl FromStr for Pattern {
    type Err = SelectError;

    fn from_str(text: &str) -> Result<Self, SelectError> {
        let pattern = match text.split_once('=') {
            Some(("image", image)) if !image.is_empty() => Some(Self::Image(image.to_owned())),
            Some(("pod", pod)) if is_of_two(pod, '/') => Some(Self::Pod(pod.to_owned())),
            Some(("label", label)) => match label.split_once('=') {
                Some((key, value)) if !key.is_empty() => Some(Self::Label(key.to_owned(), value.to_owned())),
                _ => None,
            },
            None if !text.is_empty() && !text.contains(['[', ']']) => Some(Self::Text(text.to_owned())),
            _ => None,
        };
        pattern.ok_or_else(|| SelectError::NotAPattern(visible(text)))
    }
}

impl Display for Pattern {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(formatter, "{}", visible(text)),
            Self::Image(image) => write!(formatter, "image={}", visible(image)),
            Self::Label(key, value) => write!(formatter, "label={}={}", visible(key), visible(value)),
            Self::Pod(pod) => write!(formatter, "pod={}", visible(pod)),
        }
    }
}

impl Pattern {
    /// Whether names and ids are all that it looks at.
    pub fn is_of_names(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Whether pods are all that it looks at.
    pub fn is_of_pods(&self) -> bool {
        matches!(self, Self::Pod { .. })
    }

    /// The containers that it means, of all those given. A name that is equal wins over an id that begins so, and
    /// that over a glob: so a container can always be named.
    pub fn choose<'a>(&self, containers: &[&'a Container]) -> Vec<&'a Container> {
        let all = |wanted: &dyn Fn(&Container) -> bool| -> Vec<&'a Container> {
            containers.iter().copied().filter(|container| wanted(container)).collect()
        };
        match self {
            Self::Image(pattern) => all(&|container| container.image.as_deref().is_some_and(|i| is_image(pattern, i))),
            Self::Pod(pattern) => all(&|container| container.pod.as_deref().is_some_and(|p| glob(pattern, p))),
            Self::Label(key, value) => all(&|container| has_label(container, key, value)),
            Self::Text(text) => {
                let named = all(&|container| container.name == *text);
                let by_id = || all(&|container| is_id_prefix(text, &container.id));
                let by_glob = || all(&|container| text.contains(['*', '?']) && glob(text, &container.name));
                [named].into_iter().chain([by_id(), by_glob()]).find(|found| !found.is_empty()).unwrap_or_default()
            }
        }
    }

    /// The containers that it means, to be judged as one, of the containers of each run.
    pub fn select(&self, runs: &[Vec<Container>]) -> Result<Selection, SelectError> {
        let matching = self.matching(runs)?;
        if !are_alike(&matching) {
            let matching = matching.iter().map(|container| Listed::of(container)).collect();
            return Err(SelectError::DifferentImages { pattern: self.to_string(), matching });
        }
        Ok(Selection::of(runs, &matching))
    }

    /// All containers that it means, of whatever images, of the containers of each run.
    pub fn select_all(&self, runs: &[Vec<Container>]) -> Result<Selection, SelectError> {
        Ok(Selection::of(runs, &self.matching(runs)?))
    }

    fn matching<'a>(&self, runs: &'a [Vec<Container>]) -> Result<Vec<&'a Container>, SelectError> {
        let containers: Vec<&Container> = runs.iter().flatten().collect();
        if containers.is_empty() {
            return Err(SelectError::NothingRecorded);
        }
        let matching = self.choose(&containers);
        if matching.is_empty() {
            let available = containers.iter().map(|container| Listed::of(container)).collect();
            return Err(SelectError::NoMatch { pattern: self.to_string(), available });
        }
        Ok(matching)
    }
}

impl Selection {
    /// Every container of the runs, those that may be judged as one together: by image, else by name.
    pub fn every(runs: &[Vec<Container>]) -> Vec<Self> {
        let mut all: BTreeMap<Identity<'_>, Self> = BTreeMap::new();
        for (run, containers) in runs.iter().enumerate() {
            for container in containers {
                all.entry(Identity::of(container)).or_default().add(run, container);
            }
        }
        all.into_values().collect()
    }

    /// Whether any of its containers is in the run with this index.
    pub fn is_in(&self, run: usize) -> bool {
        self.chosen.contains_key(&run)
    }

    /// What its containers did in one run: the run with this index, whose recording this is.
    pub fn behaviour(&self, run: usize, recording: &Recording) -> Result<Behaviour, BehaviourError> {
        match self.chosen.get(&run) {
            Some(containers) => Behaviour::of_all(recording, containers),
            None => Ok(Behaviour::default()),
        }
    }

    /// Whether a container, by its number, of the run with this index is one of its own.
    pub fn has(&self, run: usize, container: u32) -> bool {
        self.chosen.get(&run).is_some_and(|containers| containers.contains(&container))
    }

    fn of(runs: &[Vec<Container>], chosen: &[&Container]) -> Self {
        let chosen: BTreeSet<*const Container> =
            chosen.iter().map(|container| std::ptr::from_ref(*container)).collect();
        let mut selection = Self::default();
        for (run, containers) in runs.iter().enumerate() {
            let is_chosen = |container: &&Container| chosen.contains(&std::ptr::from_ref(*container));
            containers.iter().filter(is_chosen).for_each(|it| selection.add(run, it));
        }
        selection
    }

    fn add(&mut self, run: usize, container: &Container) {
        self.chosen.entry(run).or_default().insert(container.container);
    }
}

impl Listed {
    fn of(container: &Container) -> Self {
        Self { name: container.name.clone(), id: short_id(&container.id).to_owned(), image: container.image.clone() }
    }
}

/// What makes containers alike where nobody said which are meant.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identity<'a> {
    Image(&'a str),
    Name(&'a str),
}

impl<'a> Identity<'a> {
    fn of(container: &'a Container) -> Self {
        container.image.as_deref().map_or(Self::Name(&container.name), Self::Image)
    }
}

/// An id as people write it.
pub fn short_id(id: &str) -> &str {
    let hexadecimal = id.len() > SHORT_ID && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hexadecimal { &id[..SHORT_ID] } else { id }
}

/// Replicas have one image. Where no engine names an image (plain runc, a command), one name or one entrypoint will do.
fn are_alike(containers: &[&Container]) -> bool {
    let Some((first, rest)) = containers.split_first() else { return true };
    let same = |equal: &dyn Fn(&Container) -> bool| rest.iter().all(|other| equal(other));
    if first.image.is_some() || rest.iter().any(|other| other.image.is_some()) {
        return same(&|other| other.image == first.image);
    }
    same(&|other| other.name == first.name)
        || (first.entrypoint_json.is_some() && same(&|other| other.entrypoint_json == first.entrypoint_json))
}

/// Something, a separator, and something.
fn is_of_two(text: &str, separator: char) -> bool {
    text.split_once(separator).is_some_and(|(one, other)| !one.is_empty() && !other.is_empty())
}

fn glob(pattern: &str, text: &str) -> bool {
    WildMatch::new(pattern).matches(text)
}

fn is_id_prefix(prefix: &str, id: &str) -> bool {
    prefix.len() >= SHORTEST_ID_PREFIX && prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) && id.starts_with(prefix)
}

/// Images as people write them: without the registry that engines add, without a tag where any will do.
fn is_image(pattern: &str, image: &str) -> bool {
    let image = image.strip_prefix("docker.io/").unwrap_or(image);
    let image = image.strip_prefix("library/").unwrap_or(image);
    let pattern = pattern.strip_prefix("docker.io/").unwrap_or(pattern);
    let pattern = pattern.strip_prefix("library/").unwrap_or(pattern);
    glob(pattern, image) || glob(pattern, without_tag(image))
}

/// A colon after the last slash starts a tag; before it, a port.
fn without_tag(image: &str) -> &str {
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    let start = image.rfind('/').map_or(0, |slash| slash + 1);
    image[start..].find(':').map_or(image, |colon| &image[..start + colon])
}

/// A column that is not JSON has no labels; reading the container's behaviour says so.
fn has_label(container: &Container, key: &str, value: &str) -> bool {
    let labels: serde_json::Value = serde_json::from_str(&container.labels_json).unwrap_or_default();
    let label = labels.get(key).and_then(serde_json::Value::as_str);
    label.is_some_and(|label| glob(value, label))
}

/// One container a line, for the end of an error.
struct Lines<'a>(&'a BTreeSet<Listed>);

impl Display for Lines<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        for Listed { name, id, image } in self.0.iter().take(MOST_LISTED) {
            let image =
                image.as_deref().map(|image| format!("  {}", shortened(image, WIDEST_IMAGE))).unwrap_or_default();
            write!(formatter, "\n  {}  {}{image}", shortened(name, WIDEST_NAME), shortened(id, WIDEST_NAME))?;
        }
        match self.0.len().saturating_sub(MOST_LISTED) {
            0 => Ok(()),
            more => write!(formatter, "\n  and {more} more"),
        }
    }
}

//! Who was told of, so that each thing that happens to a container is told once.

use std::collections::BTreeMap;

use ctrec_recording::Container;

use super::Notice;
use crate::containers::Containers;

/// What was told of a container last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    SeenById,
    SeenByName,
    Ended,
}

/// How long to wait for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// It may still come.
    Wait,
    /// A window is over: the id must do.
    Over,
}

/// Containers that were told of.
#[derive(Debug, Default)]
pub(super) struct News {
    told: BTreeMap<u32, Told>,
}

impl News {
    /// Tells what happened to containers since the last time.
    pub(super) fn tell(&mut self, containers: &Containers, patience: Patience, observe: &mut dyn FnMut(&Notice<'_>)) {
        for row in containers.recorded() {
            self.tell_of(row, patience, observe);
        }
    }

    /// A container that nothing will happen to any more.
    pub(super) fn forget(&mut self, container: u32) {
        self.told.remove(&container);
    }

    fn tell_of(&mut self, row: &Container, patience: Patience, observe: &mut dyn FnMut(&Notice<'_>)) {
        let mut told = self.told.get(&row.container).copied();
        match told {
            None if row.resolved => {
                observe(&Notice::Seen(row));
                told = Some(Told::SeenByName);
            }
            None if patience == Patience::Over => {
                observe(&Notice::Seen(row));
                told = Some(Told::SeenById);
            }
            Some(Told::SeenById) if row.resolved => {
                observe(&Notice::Named(row));
                told = Some(Told::SeenByName);
            }
            Some(Told::Ended) if row.ended_ns.is_none() => {
                // Somebody entered it again.
                observe(&Notice::Seen(row));
                told = Some(Told::SeenByName);
            }
            _ => {}
        }
        if row.ended_ns.is_some() && matches!(told, Some(Told::SeenById | Told::SeenByName)) {
            observe(&Notice::Ended(row));
            told = Some(Told::Ended);
        }
        if let Some(told) = told {
            self.told.insert(row.container, told);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine;

    #[test]
    fn each_thing_is_told_once() {
        let mut news = News::default();
        let mut told = Vec::new();
        let mut row = engine::unresolved("docker", "0123", "/docker/0123");
        let mut tell = |row: &Container, patience| {
            news.tell_of(row, patience, &mut |notice| {
                told.push(match notice {
                    Notice::Seen(row) => format!("seen {}", row.name),
                    Notice::Named(row) => format!("named {}", row.name),
                    Notice::Ended(row) => format!("ended {}", row.name),
                    other => unreachable!("not about a container: {other:?}"),
                });
            });
        };
        tell(&row, Patience::Wait);
        tell(&row, Patience::Over);
        tell(&row, Patience::Over);
        row.name = "web".to_owned();
        row.resolved = true;
        tell(&row, Patience::Wait);
        row.ended_ns = Some(1);
        tell(&row, Patience::Wait);
        tell(&row, Patience::Over);
        row.ended_ns = None;
        tell(&row, Patience::Wait);
        assert_eq!(told, ["seen 0123", "named web", "ended web", "seen web"]);
    }
}

//! The other way round: a pattern that means a container, for a command that is shown to be pasted.

use super::{Pattern, is_id_prefix, short_id};
use crate::text::visible;

/// What a shell or a pattern takes for more than a letter, in whatever quotes.
const SPECIAL: [char; 8] = ['*', '?', '[', ']', '=', '\'', '"', '\\'];

/// A pattern that means the container of this name and id: the name, where nothing in it means something else; the start
/// of the id; or, where the id is none that a pattern may begin, the name with `?` for what is special in it.
pub fn pattern_for(name: &str, id: &str) -> String {
    let is_plain = visible(name) == name && !name.contains(SPECIAL) && name.parse::<Pattern>().is_ok();
    let prefix = short_id(id);
    if is_plain {
        name.to_owned()
    } else if is_id_prefix(prefix, id) {
        prefix.to_owned()
    } else {
        let harmless = |letter: char| !SPECIAL.contains(&letter) && visible(&letter.to_string()).chars().eq([letter]);
        let glob: String = name.chars().map(|letter| if harmless(letter) { letter } else { '?' }).collect();
        if glob.is_empty() { "*".to_owned() } else { glob }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Run;
    use crate::text::visible_lines;

    const ID: &str = "8e8c4e5571a7b3aab7a1cfe1ea41be1c84f11b02a1ab8b7a5f0d3c6e0a9e4d21";

    #[test]
    fn every_container_is_meant_by_its_own_pattern() {
        let names = [
            "web",
            "web app",
            "größe",
            "-x",
            "[",
            "web[1]",
            "image=foo",
            "label=a=b",
            "pod=a/b",
            "a=b",
            "*",
            "w?b",
            "it's",
            "\"",
            "a\\b",
            "\u{1b}[31mred",
            "a\nb",
            "e\u{301}\u{301}\u{301}",
            "\u{202e}",
            "",
            &"x".repeat(300),
            "beef",
        ];
        for id in [ID, "command-4711"] {
            for name in names {
                let run = Run::new("r")
                    .that(|row| row.name = "other".to_owned())
                    .container(2, "another")
                    .that(|row| row.id = "f".repeat(64))
                    .container(3, name);
                let run = run.that(|row| row.id = id.to_owned());
                let word = pattern_for(name, id);
                let pattern: Pattern = word.parse().unwrap();
                assert!(pattern.is_of_names() && visible_lines(&word) == word, "{name:?}: {word}");
                let rows: Vec<_> = run.recording.containers.iter().collect();
                let chosen: Vec<u32> = pattern.choose(&rows).iter().map(|row| row.container).collect();
                let meant = if name.is_empty() && id != ID { vec![1, 2, 3] } else { vec![3] };
                assert_eq!(chosen, meant, "{name:?}: {word}");
            }
        }
    }

    #[test]
    fn a_name_is_taken_where_it_will_do() {
        assert_eq!(pattern_for("web app", ID), "web app");
        assert_eq!(pattern_for("image=foo", ID), "8e8c4e5571a7");
        assert_eq!(pattern_for("[", "command-1"), "?");
    }
}

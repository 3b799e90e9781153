//! What `ctrec caps --format json` says of a program. Lives here: finding it, and comparing it with a row. Does not: the
//! rows.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Asked, Row};

/// The answer about one container.
pub(crate) struct Judged(Value);

impl Judged {
    /// Reads the answer.
    pub(crate) fn read(json: &str) -> Self {
        Self(serde_json::from_str(json).expect("ctrec caps writes JSON"))
    }

    /// Everything in which the answer about a row's program differs from what the row says.
    pub(crate) fn differences(&self, row: &Row) -> Vec<String> {
        let mut found = Vec::new();
        let needs = self.needs_of(&row.path());
        if !needs.iter().map(String::as_str).eq(row.needs()) {
            found.push(format!("needs {needs:?} where it needs {:?}", row.needs()));
        }
        found.extend(row.asked.iter().filter_map(|asked| self.difference(row, asked)));
        found.extend(self.unexpected(row));
        let mut refused = self.refused_of(&row.path());
        refused.retain(|name| !row.asked.iter().any(|asked| asked.may_be_missing && asked.capability == name));
        if !refused.iter().map(String::as_str).eq(row.wanted.iter().copied()) {
            found.push(format!("wanted and was refused {refused:?} where it wanted {:?}", row.wanted));
        }
        found
    }

    /// What each check was taken for, in words that do not name the options of a check.
    pub(crate) fn classes(&self) -> BTreeSet<String> {
        let apart = list(&self.0["apart"]).map(|entry| (entry, &entry["capability"], text(&entry["class"])));
        let needs = list(&self.0["needs"])
            .flat_map(|need| list(&need["reasons"]).map(|reason| (reason, &need["capability"], text(&reason["kind"]))));
        let class = |(entry, capability, class): (&Value, &Value, &str)| {
            let [program, call] = ["program", "call"].map(|field| text(&entry[field]));
            format!("{program} {call} {}: {class}", text(capability))
        };
        apart.chain(needs).map(class).collect()
    }

    /// The same of what the container needs, or was refused.
    pub(crate) fn wanted(&self) -> BTreeSet<String> {
        let is_wanted = |class: &String| ["check", "refused"].iter().any(|it| class.ends_with(&format!(": {it}")));
        self.classes().into_iter().filter(is_wanted).collect()
    }

    /// Text of the findings of a kind, with their evidence.
    pub(crate) fn findings(&self, kind: &str) -> Vec<String> {
        let findings = list(&self.0["findings"]).filter(|finding| finding["kind"] == kind);
        findings.map(Value::to_string).collect()
    }

    /// Capabilities that are recommended.
    pub(crate) fn added(&self) -> Vec<String> {
        list(&self.0["add"]).map(|name| text(name).to_owned()).collect()
    }

    fn needs_of(&self, program: &str) -> BTreeSet<String> {
        let needs = list(&self.0["needs"]);
        let of_program = needs.filter(|need| list(&need["reasons"]).any(|reason| reason["program"] == program));
        of_program.map(|need| text(&need["capability"]).to_owned()).collect()
    }

    /// Capabilities that findings say the program wanted and was refused.
    fn refused_of(&self, program: &str) -> BTreeSet<String> {
        let findings = list(&self.0["findings"]).filter(|finding| finding["kind"] == "capability_refused");
        let line = format!("{program}:");
        let of_program = findings.filter(|it| list(&it["evidence"]).any(|evidence| text(evidence).starts_with(&line)));
        of_program.map(|it| text(&it["text"]).split(' ').next().unwrap_or_default().to_owned()).collect()
    }

    /// What is wrong with the answer about one thing that a row's program asks for.
    fn difference(&self, row: &Row, asked: &Asked) -> Option<String> {
        let entries = self.entries(row, asked);
        if entries.iter().any(|entry| is_explained(entry, asked)) || entries.is_empty() && asked.may_be_missing {
            return None;
        }
        let capability = asked.capability;
        Some(format!("{capability} is not taken for {} with {:?}: {entries:?}", asked.taken_for, asked.why))
    }

    /// What is said of a capability of a program in a call, as what it is to be taken for.
    fn entries(&self, row: &Row, asked: &Asked) -> Vec<&Value> {
        let all: Vec<&Value> = if asked.is_need() {
            let needs = list(&self.0["needs"]).filter(|need| need["capability"] == asked.capability);
            needs.flat_map(|need| list(&need["reasons"])).filter(|reason| reason["kind"] == asked.taken_for).collect()
        } else {
            let apart = list(&self.0["apart"]).filter(|entry| entry["capability"] == asked.capability);
            apart.filter(|entry| entry["class"] == asked.taken_for && entry["phase"] == "workload").collect()
        };
        let is_of_row = |entry: &&Value| {
            let call = asked.call.is_empty() || entry["call"] == asked.call;
            entry["program"] == row.path() && call
        };
        all.into_iter().filter(is_of_row).collect()
    }

    /// What the program is said to have asked for, and did not. Memory, overlayfs and the lists that capset keeps are
    /// in every program.
    fn unexpected(&self, row: &Row) -> Vec<String> {
        let of_program = list(&self.0["apart"]).filter(|entry| entry["program"] == row.path());
        let is_expected = |entry: &Value| {
            let every = entry["class"] == "overridden"
                || entry["capability"] == "CAP_SYS_ADMIN" && entry["class"] == "probe"
                || entry["class"] == "needless" && list(&entry["functions"]).next().is_none();
            let of_row = |asked: &Asked| entry["capability"] == asked.capability && entry["class"] == asked.taken_for;
            every || row.asked.iter().any(of_row)
        };
        of_program.filter(|entry| !is_expected(entry)).map(|entry| format!("unexpected: {entry}")).collect()
    }
}

/// Whether an entry names one of the functions and says all the words.
fn is_explained(entry: &Value, asked: &Asked) -> bool {
    let why = text(&entry["why"]);
    let functions = || list(&entry["functions"]).any(|function| is_one_of(text(&function["name"]), asked.functions));
    asked.why.iter().all(|words| why.contains(words)) && (asked.functions.is_empty() || functions())
}

/// Whether a function is one of those: a call's own is `sys_`, `__do_sys_` or `__x64_sys_` by kernel and compiler.
fn is_one_of(function: &str, known: &[&str]) -> bool {
    let bare = function
        .trim_start_matches("__x64_")
        .trim_start_matches("__ia32_")
        .trim_start_matches("__do_")
        .trim_start_matches("__se_");
    known.contains(&function) || known.contains(&bare)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

//! The hook that sees capability checks: which of three this kernel has, and what it cannot see.

#![expect(unsafe_code, reason = "one call into libbpf; see the SAFETY comment")]

use std::mem::MaybeUninit;

use libbpf_rs::btf::Btf;
use libbpf_rs::btf::types::{Func, FuncProto, Ptr, Typedef};
use libbpf_rs::libbpf_sys::bpf_prog_get_next_id;
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{Link, OpenProgramMut, ProgramMut, set_print};

use ctrec_recording::Hook;

use crate::differences::Preemption;
use crate::error::{RecordError, chain};
use crate::requirements;
use crate::skel::trials::{OpenTrialsProgs, TrialsProgs, TrialsSkelBuilder};
use crate::skel::{CtrecProgs, OpenCtrecProgs};
use crate::symbols;

/// One of the three, in the order in which they are tried: the first two see the options of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckHook {
    /// `fexit/cap_capable`: wants a kernel that may be patched at run time.
    Fexit,
    /// `kprobe/cap_capable` with its kretprobe.
    Kprobe,
    /// `tp_btf/cap_capable`, Linux 6.14+ (commit d48da4d5ed7b).
    Tracepoint,
}

/// What came of trying the hooks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tried {
    /// The first that is heard of a check on this kernel.
    pub(crate) heard: Option<CheckHook>,
    /// Those before it that the kernel has: name, and why it is not taken.
    pub(crate) passed_over: Vec<(&'static str, String)>,
}

/// Name of the function and the tracepoint.
const NAME: &str = "cap_capable";
/// Arguments of the tracepoint: its own data, credentials, two user namespaces, capability, verdict. A draft that was
/// never released had one more, in their midst.
const TRACEPOINT_ARGUMENTS: usize = 6;

/// Seen on Linux 6.1: the functions beside `cap_capable` that call it have a copy of their own.
const MERGED: &str = "checks in functions that the compiler merged with it (memory accounting's probe, capset)";

impl CheckHook {
    /// Tries the one that is wanted, else all until one is heard.
    pub(crate) fn find(btf: &Btf<'_>, preemption: Preemption, wanted: Option<Self>) -> Result<Tried, RecordError> {
        let has_options = has_options(btf);
        let mut candidates =
            [(Self::Fexit, has_options), (Self::Kprobe, has_options), (Self::Tracepoint, has_tracepoint(btf))];
        if preemption.on_functions {
            candidates.swap(0, 1); /* a kprobe's program is not preempted */
        }
        let mut tried = Tried::default();
        for (hook, in_btf) in candidates {
            if !in_btf || wanted.is_some_and(|wanted| wanted != hook) {
                continue;
            }
            match hook.listen() {
                Ok(true) => return Ok(Tried { heard: Some(hook), ..tried }),
                Ok(false) => tried.passed_over.push((hook.name(), "taken, and never run".to_owned())),
                Err(error) => tried.passed_over.push((hook.name(), chain(&error))),
            }
        }
        let why = || tried.passed_over.first().map_or("this kernel lacks it".to_owned(), |(_, why)| why.clone());
        match wanted {
            Some(wanted) => Err(RecordError::NoCheckHook { hook: wanted.name(), why: why() }),
            None => Ok(tried),
        }
    }

    /// What it is called.
    fn name(self) -> &'static str {
        match self {
            Self::Fexit => "fexit/cap_capable",
            Self::Kprobe => "kprobe/cap_capable",
            Self::Tracepoint => "tp_btf/cap_capable",
        }
    }

    /// Whether a program there is run. That the kernel takes one is not enough: with `kernel.ftrace_enabled=0`, Linux 6.1
    /// attaches to a function and stays silent. What libbpf prints of a refusal is no news to the user.
    fn listen(self) -> libbpf_rs::Result<bool> {
        let print = set_print(None);
        let heard = self.try_out();
        set_print(print);
        heard
    }

    fn try_out(self) -> libbpf_rs::Result<bool> {
        let mut place = MaybeUninit::uninit();
        let mut open = TrialsSkelBuilder::default().open(&mut place)?;
        let OpenTrialsProgs { try_fexit, try_kretprobe, try_tracepoint, .. } = &mut open.progs;
        for (program, hook) in
            [(try_fexit, Self::Fexit), (try_kretprobe, Self::Kprobe), (try_tracepoint, Self::Tracepoint)]
        {
            program.set_autoload(hook == self);
        }
        let skel = open.load()?;
        let TrialsProgs { try_fexit, try_kretprobe, try_tracepoint, .. } = &skel.progs;
        let program = match self {
            Self::Fexit => try_fexit,
            Self::Kprobe => try_kretprobe,
            Self::Tracepoint => try_tracepoint,
        };
        let _link = program.attach()?;
        ask_for_a_capability();
        Ok(skel.maps.bss_data.as_ref().is_some_and(|bss| bss.heard != 0))
    }

    /// As the header names it.
    pub(crate) fn describe(self) -> Hook {
        let blind_to = match self {
            Self::Fexit => vec![MERGED],
            Self::Kprobe => vec![MERGED, "checks beyond those that the kernel's return probes follow at once"],
            Self::Tracepoint => vec!["whether a check is audited or a probe (told by the kernel functions that asked)"],
        };
        let hidden = (!symbols::are_shown()).then_some("which kernel function asked (kernel.kptr_restrict hides them)");
        Hook { name: self.name().to_owned(), blind_to: blind_to.into_iter().chain(hidden).map(str::to_owned).collect() }
    }

    /// Chooses which programs are loaded.
    pub(crate) fn choose(chosen: Option<Self>, progs: &mut OpenCtrecProgs<'_>) {
        let load = |program: &mut OpenProgramMut<'_>, hook| program.set_autoload(chosen == Some(hook));
        load(&mut progs.on_check_fexit, Self::Fexit);
        load(&mut progs.on_check_kprobe, Self::Kprobe);
        load(&mut progs.on_check_kretprobe, Self::Kprobe);
        load(&mut progs.on_check_tracepoint, Self::Tracepoint);
    }

    /// Attaches it. The verdict before the question: a return that nobody asked for is passed over.
    pub(crate) fn attach(self, progs: &CtrecProgs<'_>) -> libbpf_rs::Result<Vec<Link>> {
        let attach = |program: &ProgramMut<'_>| program.attach();
        match self {
            Self::Fexit => Ok(vec![attach(&progs.on_check_fexit)?]),
            Self::Kprobe => Ok(vec![attach(&progs.on_check_kretprobe)?, attach(&progs.on_check_kprobe)?]),
            Self::Tracepoint => Ok(vec![attach(&progs.on_check_tracepoint)?]),
        }
    }
}

/// Makes the kernel ask whether this process has `CAP_SYS_ADMIN`, and nothing more. By a call that the recorder needs in
/// any case: others, harmless as they may be, are refused where it runs with the least privileges.
fn ask_for_a_capability() {
    let mut program = 0;
    // SAFETY: writes a number to a place that lives through the call.
    let _refused_or_not = unsafe { bpf_prog_get_next_id(0, &raw mut program) };
}

/// Whether the function is there and its fourth argument is options. Before Linux 5.1 it was `audit`, which means the
/// opposite; a version number does not tell, since distributions take over later code.
fn has_options(btf: &Btf<'_>) -> bool {
    let function = btf.type_by_name::<Func<'_>>(NAME);
    let prototype = function.and_then(|function| FuncProto::try_from(function.next_type()?).ok());
    let is_options = |prototype: FuncProto<'_>| {
        let fourth = prototype.iter().nth(3).and_then(|argument| argument.name);
        fourth.is_some_and(|name| name.to_string_lossy() == "opts")
    };
    prototype.is_some_and(is_options)
}

fn has_tracepoint(btf: &Btf<'_>) -> bool {
    let name = format!("{}{NAME}", requirements::TRACEPOINT);
    let pointer =
        btf.type_by_name::<Typedef<'_>>(name.as_str()).and_then(|typedef| Ptr::try_from(typedef.next_type()?).ok());
    let prototype = pointer.and_then(|pointer| FuncProto::try_from(pointer.next_type()?).ok());
    prototype.is_some_and(|prototype| prototype.iter().count() == TRACEPOINT_ARGUMENTS)
}

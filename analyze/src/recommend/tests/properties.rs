//! What holds of any recording.

use ctrec_recording::{Origin, Phase};
use proptest::prelude::*;

use super::super::{Fate, Recommendation, recommend};
use super::judged::{all, allows, kinds};
use crate::dialect::{docker, oci};
use crate::finding::Kind;
use crate::known;
use crate::policy::{Baseline, Dialect, Policy};
use crate::profile::Reason;
use crate::testing::recordings;

proptest! {
    #[test]
    fn every_call_that_was_made_and_has_a_name_is_allowed(recording in recordings(), policy in any_policy()) {
        let recommendation = recommend(&all(&recording), &policy).unwrap();
        for row in recording.calls.iter().filter(|row| policy.wants(row.origin, row.phase)) {
            let call = crate::behaviour::CallId { abi: row.abi, number: row.number };
            let sum = row.succeeded + row.failed + row.interrupted + row.unfinished;
            let refused = sum == 0 || recommendation.fates[&call] == Fate::Refused;
            if let Some(name) = call.name().filter(|_| !refused && !call.is_unfiltered()) {
                prop_assert!(allows(&recommendation, name), "{}", name);
                prop_assert!(recommendation.profile.architectures.contains(&crate::abi::architecture(row.abi)));
            }
        }
    }

    #[test]
    fn without_a_filter_nothing_is_refused(mut recording in recordings(), policy in any_policy()) {
        recording.containers.iter_mut().for_each(|container| container.seccomp_json = Some("null".to_owned()));
        let recommendation = recommend(&all(&recording), &policy).unwrap();
        prop_assert!(!kinds(&recommendation).contains(&Kind::Refused));
    }

    #[test]
    fn another_run_never_takes_a_call_away(a in recordings(), b in recordings(), policy in any_policy()) {
        prop_assume!(a.header.run != b.header.run);
        let (a, b) = (all(&a), all(&b));
        let alone = recommend(&a, &policy).unwrap().profile;
        let both = recommend(&a.merge(b), &policy).unwrap().profile;
        prop_assert!(alone.allowed().is_subset(&both.allowed()));
        prop_assert!(alone.architectures.is_subset(&both.architectures));
    }

    #[test]
    fn the_same_recording_gives_the_same_bytes(recording in recordings(), policy in any_policy()) {
        let mut shuffled = recording.clone();
        shuffled.calls.reverse();
        shuffled.containers.reverse();
        shuffled.programs.reverse();
        let (one, other) = (recommend(&all(&recording), &policy).unwrap(), recommend(&all(&shuffled), &policy).unwrap());
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(render(&one, &policy), render(&other, &policy));
    }

    #[test]
    fn whatever_was_recorded_a_profile_for_any_runtime_starts_under_each(recording in recordings()) {
        let behaviour = all(&recording);
        for origins in [vec![Origin::Init], vec![Origin::Init, Origin::Exec]] {
            let of = |baseline| {
                let policy = Policy { baseline, origins: origins.iter().copied().collect(), ..Policy::default() };
                recommend(&behaviour, &policy).unwrap().profile
            };
            let any = of(Baseline::Any);
            for (runtime, only) in [("runc", Baseline::Runc), ("crun", Baseline::Crun)] {
                let only = of(only);
                for call in origins.iter().flat_map(|origin| known::runtime_baseline(Some(runtime), None, *origin)) {
                    prop_assert!(any.allowed().contains(call.name), "{} for {}", call.name, call.baseline);
                    prop_assert!(only.allowed().contains(call.name), "{} for {}", call.name, call.baseline);
                }
                prop_assert!(only.allowed().is_subset(&any.allowed()));
            }
            prop_assert!(of(Baseline::Recorded).allowed().is_subset(&any.allowed()));
        }
    }

    #[test]
    fn set_up_alone_gives_no_rule(mut recording in recordings(), policy in any_policy()) {
        recording.calls.iter_mut().for_each(|row| row.phase = Phase::Setup);
        recording.errnos.iter_mut().for_each(|row| row.phase = Phase::Setup);
        let recommendation = recommend(&all(&recording), &policy).unwrap();
        let reasons = recommendation.profile.rules.iter().flat_map(|rule| &rule.reasons);
        prop_assert_eq!(reasons.filter(|reason| matches!(reason, Reason::Observed { .. })).count(), 0);
        for name in ["mount", "pivot_root", "setns", "unshare", "clone3"] {
            prop_assert!(!allows(&recommendation, name), "{}", name);
        }
    }
}

fn any_policy() -> impl Strategy<Value = Policy> {
    (any::<bool>(), any::<bool>(), any_baseline()).prop_map(|(oci, exec, baseline)| {
        let dialect = if oci { Dialect::Oci } else { Dialect::Docker };
        let mut policy = Policy { dialect, baseline, ..Policy::default() };
        if !exec {
            policy.origins.remove(&Origin::Exec);
        }
        policy
    })
}

fn any_baseline() -> impl Strategy<Value = Baseline> {
    prop::sample::select(vec![Baseline::Any, Baseline::Recorded, Baseline::Runc, Baseline::Crun])
}

fn render(recommendation: &Recommendation, policy: &Policy) -> String {
    match policy.dialect {
        Dialect::Docker => docker::render(&recommendation.profile).unwrap(),
        Dialect::Oci => oci::render(&recommendation.profile).unwrap(),
    }
}

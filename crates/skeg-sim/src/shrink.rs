//! Making a failing plan small.
//!
//! A plan that still fails after a part of it was taken away is a better one: rounds first, then
//! halves of the steps of each round, then quarters, and so on.

use crate::disk::Flaw;
use crate::plan::Plan;
use crate::run::run;

/// Plans that are tried at most.
const TRIES_MAX: usize = 2_000;

/// The smallest plan found that fails as this one does, in whichever way.
#[must_use]
pub fn shrink(plan: &Plan, flaw: Flaw) -> Plan {
    let mut best = plan.clone();
    let mut tries = 0;
    let mut fails = |plan: &Plan| {
        tries += 1;
        tries <= TRIES_MAX && run(plan, flaw).violation.is_some()
    };
    loop {
        let before = size(&best);
        for candidate in without_rounds(&best) {
            if fails(&candidate) {
                best = candidate;
                break;
            }
        }
        let mut part = best.rounds.iter().map(|round| round.steps.len()).max().unwrap_or(0);
        while part > 0 {
            for round in 0..best.rounds.len() {
                let mut from = 0;
                while from < best.rounds[round].steps.len() {
                    let mut candidate = best.clone();
                    let steps = &mut candidate.rounds[round].steps;
                    let end = (from + part).min(steps.len());
                    steps.drain(from..end);
                    if fails(&candidate) { best = candidate } else { from += part }
                }
            }
            part /= 2;
        }
        if size(&best) == before {
            return best;
        }
    }
}

fn size(plan: &Plan) -> usize {
    let extras = plan.rounds.iter().map(|round| round.opening.len() + usize::from(round.look));
    plan.steps() + plan.rounds.len() + extras.sum::<usize>()
}

fn without_rounds(plan: &Plan) -> Vec<Plan> {
    let mut candidates = Vec::new();
    for round in (0..plan.rounds.len()).rev() {
        let mut without = plan.clone();
        without.rounds.remove(round);
        candidates.push(without);
        if !plan.rounds[round].opening.is_empty() {
            let mut calm = plan.clone();
            calm.rounds[round].opening.pop();
            candidates.push(calm);
        }
        if plan.rounds[round].look {
            let mut blind = plan.clone();
            blind.rounds[round].look = false;
            candidates.push(blind);
        }
    }
    candidates
}

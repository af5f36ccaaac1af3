//! Plans as text, for people who look for what went wrong.

use std::fmt::Write as _;

use crate::plan::Plan;

/// More bytes than this are counted, not shown.
const SHOWN_BYTES_MAX: usize = 40;

impl Plan {
    /// What happens, a line for each step.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut text =
            format!("{} shards, {} connections, {:?}\n", self.shards, self.clients, self.nuisance);
        for (number, round) in self.rounds.iter().enumerate() {
            let _ = writeln!(text, "round {number}: {:?}", round.settings);
            for crash in &round.opening {
                let _ = writeln!(text, "  crash while opening: {crash:?}");
            }
            if let Some(rates) = round.opening_rates {
                let _ = writeln!(text, "  opening with faults: {rates:?}");
            }
            if round.look {
                text.push_str("  a look, read-only\n");
            }
            for (number, step) in round.steps.iter().enumerate() {
                let _ = writeln!(text, "  {number}: {}", with_text(&format!("{step:?}")));
            }
            let settled = if round.settle { ", everything brought to an end before" } else { "" };
            match round.end {
                Some(crash) => {
                    let _ = writeln!(text, "  {crash:?}{settled}");
                }
                None => text.push_str("  closed\n"),
            }
        }
        text
    }
}

/// Lists of bytes as what they stand for.
fn with_text(debug: &str) -> String {
    let mut text = String::with_capacity(debug.len());
    let mut rest = debug;
    while let Some(open) = rest.find('[') {
        let (before, list) = rest.split_at(open);
        text.push_str(before);
        let close = list.find(']').unwrap_or(list.len() - 1);
        match bytes_of(&list[1..close]) {
            Some(bytes) if bytes.len() > SHOWN_BYTES_MAX => {
                let _ = write!(text, "<{} bytes>", bytes.len());
            }
            Some(bytes) => {
                let _ = write!(text, "\"{}\"", bytes.escape_ascii());
            }
            None => {
                text.push('[');
                rest = &list[1..];
                continue;
            }
        }
        rest = &list[close + 1..];
    }
    text + rest
}

fn bytes_of(list: &str) -> Option<Vec<u8>> {
    if list.is_empty() {
        return Some(Vec::new());
    }
    list.split(", ").map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Themes;

    #[test]
    fn bytes_are_shown_as_text() {
        assert_eq!(with_text("At { key: [107, 0, 34], n: [] }"), r#"At { key: "k\x00\"", n: "" }"#);
        assert_eq!(
            with_text("All([Get([65]), Row([1.5, 2.0])])"),
            r#"All([Get("A"), Row([1.5, 2.0])])"#
        );
        let long = format!("{:?}", vec![1_u8; 50]);
        assert_eq!(with_text(&long), "<50 bytes>");
    }

    #[test]
    fn every_step_has_its_line() {
        let plan = Plan::new(3, Themes::All);
        assert!(plan.describe().lines().count() > plan.steps());
    }
}

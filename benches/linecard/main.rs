//! `cargo bench -p linecard-benches -- [--list] [--turns N] [--slice-ms N] [--json FILE] [--only WORD]
//! [--exact] [--units N] [NAME...]`
//!
//! Runs the scenarios whose names contain one of the words; all without one. `--only` keeps the
//! contenders whose names contain a word: for a profiler, that watches one at a time; and
//! `--units` fixes how many units of work a turn has, for one that counts instructions. With
//! `--exact` words are whole names.

use core::time::Duration;
use std::process::ExitCode;

use linecard_benches::harness::Plan;
use linecard_benches::scenarios::SCENARIOS;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("benches: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let mut plan = Plan::default();
    let mut json = None;
    let mut words = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = |least: u64| -> Result<u64, String> {
            let text = arguments
                .next()
                .ok_or(format!("{argument} wants a number"))?;
            let number = text
                .parse()
                .map_err(|_| format!("{argument}: {text} is no number"))?;
            if number < least {
                Err(format!("{argument}: at least {least}"))
            } else {
                Ok(number)
            }
        };
        match argument.as_str() {
            // Cargo's own.
            "--bench" => {}
            "--list" => {
                for scenario in SCENARIOS {
                    println!("{}: ns per {}", scenario.name, scenario.unit);
                }
                return Ok(());
            }
            "--turns" => plan.turns = number(1)? as usize,
            "--slice-ms" => plan.slice = Duration::from_millis(number(1)?),
            "--only" => plan.only = Some(arguments.next().ok_or("--only wants a word")?),
            "--exact" => plan.exact = true,
            "--units" => plan.units = Some(number(1)?),
            "--json" => json = Some(arguments.next().ok_or("--json wants a file")?),
            word if word.starts_with('-') => return Err(format!("no option {word}")),
            _ => words.push(argument),
        }
    }
    let chosen: Vec<_> = SCENARIOS
        .iter()
        .filter(|scenario| {
            let is_it = |word: &String| match plan.exact {
                true => scenario.name == word,
                false => scenario.name.contains(word.as_str()),
            };
            words.is_empty() || words.iter().any(is_it)
        })
        .collect();
    if chosen.is_empty() {
        return Err(format!(
            "no scenario has a name like {words:?}; --list names them"
        ));
    }
    println!(
        "{} turns of about {:?} each, in random order",
        plan.turns, plan.slice
    );
    let mut outcomes = Vec::new();
    for scenario in chosen {
        match scenario.run(&plan) {
            Ok(outcome) => {
                println!("\n{outcome}");
                outcomes.push(outcome.json());
            }
            Err(why) => println!("\n{}: left out: {why}", scenario.name),
        }
    }
    if let Some(file) = json {
        let text = serde_json::Value::Array(outcomes).to_string();
        std::fs::write(&file, text).map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(())
}

//! `cargo bench -p linecard-benches -- [OPTION...] [NAME...]`
//!
//! Runs the scenarios and reports whose names contain one of the words; all without one. What it
//! prints it also keeps in a file (`--json`), in which what was measured before stays, and makes a
//! page with pictures (`--page`) and a table (`--results`) of all that is in it.

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use linecard_benches::counts;
use linecard_benches::document::{Document, Entry, Measured};
use linecard_benches::harness::{Plan, Scenario};
use linecard_benches::machine::{self, Machine};
use linecard_benches::page;
use linecard_benches::report::Report;
use linecard_benches::reports::REPORTS;
use linecard_benches::scenarios::SCENARIOS;
use linecard_benches::svg;

const HELP: &str = "\
cargo bench -p linecard-benches -- [OPTION...] [NAME...]

Runs the scenarios and reports whose names contain one of the words; all without one.

  --list            names them
  --turns N         turns of each contender, in random order (11; bars are judged from 9 up)
  --slice-ms N      about how long a turn takes (50)
  --only WORD       only contenders whose names contain it: for a profiler, that watches one
  --exact           words are whole names
  --units N         units of work a turn, in place of what fills the slice
  --instructions    also counts instructions and mispredicted branches, under valgrind; in a minute
                    a scenario at most
  --json FILE       keeps the figures there, in the place of older ones of the same names
  --page FILE       makes a page with pictures; of all that is in the --json file, too
  --results FILE    likewise a table, in Markdown
  --svg FOLDER      likewise the pictures
  --render          measures nothing: for those three, of the --json file

Cargo starts it in the folder benches/, from where files are named.";

fn main() -> ExitCode {
    match Options::read(std::env::args().skip(1)).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("benches: {error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Options {
    plan: Plan,
    words: Vec<String>,
    help: bool,
    list: bool,
    instructions: bool,
    render: bool,
    json: Option<PathBuf>,
    page: Option<PathBuf>,
    results: Option<PathBuf>,
    svg: Option<PathBuf>,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let mut next = || arguments.next().ok_or(format!("{argument} wants a value"));
            let number = |text: String| match text.parse::<u64>() {
                Ok(number) if number > 0 => Ok(number),
                _ => Err(format!("{argument}: {text} is no number from 1 up")),
            };
            match argument.as_str() {
                // Cargo's own.
                "--bench" => {}
                "--help" | "-h" => options.help = true,
                "--list" => options.list = true,
                "--turns" => options.plan.turns = number(next()?)? as usize,
                "--slice-ms" => options.plan.slice = Duration::from_millis(number(next()?)?),
                "--only" => options.plan.only = Some(next()?),
                "--exact" => options.plan.exact = true,
                "--units" => options.plan.units = Some(number(next()?)?),
                "--instructions" => options.instructions = true,
                "--render" => options.render = true,
                "--json" => options.json = Some(next()?.into()),
                "--page" => options.page = Some(next()?.into()),
                "--results" => options.results = Some(next()?.into()),
                "--svg" => options.svg = Some(next()?.into()),
                word if word.starts_with('-') => {
                    return Err(format!("no option {word}; --help names them"));
                }
                _ => options.words.push(argument),
            }
        }
        Ok(options)
    }

    fn chooses(&self, name: &str) -> bool {
        let is_it = |word: &String| match self.plan.exact {
            true => name == word,
            false => name.contains(word.as_str()),
        };
        self.words.is_empty() || self.words.iter().any(is_it)
    }
}

fn run(options: Options) -> Result<(), String> {
    if options.help {
        println!("{HELP}");
        return Ok(());
    }
    if options.list {
        for scenario in SCENARIOS {
            println!("{}: ns per {}", scenario.name, scenario.unit);
        }
        for report in REPORTS {
            println!("{}: {}", report.name, report.gives);
        }
        return Ok(());
    }
    let mut document = match &options.json {
        Some(path) => Document::load(path)?,
        None => Document::default(),
    };
    if !options.render {
        measure(&options, &mut document)?;
        let scenarios = SCENARIOS.iter().map(|scenario| scenario.name);
        let names: Vec<_> = scenarios
            .chain(REPORTS.iter().map(|report| report.name))
            .collect();
        document.sort(&names);
        if let Some(path) = &options.json {
            write(path, &document.json()?)?;
        }
    }
    if let Some(path) = &options.page {
        write(path, &page::html(&document))?;
    }
    if let Some(path) = &options.results {
        write(path, &page::markdown(&document))?;
    }
    if let Some(folder) = &options.svg {
        for entry in &document.entries {
            if let Measured::Scenario(outcome) = &entry.result {
                let name = outcome.name.replace('/', "-") + ".svg";
                write(&folder.join(name), &svg::picture(outcome))?;
            }
        }
    }
    Ok(())
}

fn measure(options: &Options, document: &mut Document) -> Result<(), String> {
    let scenarios: Vec<&Scenario> = SCENARIOS
        .iter()
        .filter(|scenario| options.chooses(scenario.name))
        .collect();
    let reports: Vec<&Report> = REPORTS
        .iter()
        .filter(|report| options.chooses(report.name))
        .collect();
    if scenarios.is_empty() && reports.is_empty() {
        let words = &options.words;
        return Err(format!(
            "nothing has a name like {words:?}; --list names all"
        ));
    }
    let plan = &options.plan;
    println!(
        "{} turns of about {:?} each, in random order",
        plan.turns, plan.slice
    );
    let mut keep = |name: &str, result: Measured| {
        document.put(Entry {
            command: format!("cargo bench -p linecard-benches -- --exact {name}"),
            date: machine::today(),
            machine: Machine::here(),
            result,
        });
    };
    let left_out = |name: &str, why: String| {
        println!("\n{name}: left out: {why}");
        let name = name.to_owned();
        Measured::LeftOut { name, why }
    };
    for scenario in scenarios {
        let name = scenario.name;
        let result = match scenario.run(plan) {
            Ok(mut outcome) => {
                if options.instructions && scenario.counted {
                    counts::count(&mut outcome, COUNTING)?;
                }
                println!("\n{outcome}");
                Measured::Scenario(outcome)
            }
            Err(why) => left_out(name, why),
        };
        keep(name, result);
    }
    for report in reports {
        let result = match (report.run)(plan) {
            Ok(findings) => {
                println!("\n{findings}");
                Measured::Report(findings)
            }
            Err(why) => left_out(report.name, why),
        };
        keep(report.name, result);
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// How long a scenario's contenders are simulated in all.
const COUNTING: Duration = Duration::from_secs(60);

//! `cargo bench -p linecard-benches -- [OPTION...] [NAME...]`
//!
//! Runs the scenarios and reports whose names contain one of the words; all without one. What it
//! prints it also keeps in a file (`--json`), in which what was measured before stays, and makes a
//! page with pictures (`--page`) and a table (`--results`) of all that is in it.

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Instant;

use linecard_benches::budgets;
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
  --budgets         instead of all this: whether those of the scenarios' rows that have a budget of
                    instructions keep it
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
    /// The one to run, of a process that was started for it.
    alone: Option<String>,
    help: bool,
    list: bool,
    budgets: bool,
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
                "--budgets" => options.budgets = true,
                "--turns" => options.plan.turns = number(next()?)? as usize,
                "--slice-ms" => options.plan.slice = Duration::from_millis(number(next()?)?),
                "--only" => options.plan.only = Some(next()?),
                "--alone" => options.alone = Some(next()?),
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
        if let Some(alone) = &self.alone {
            return name == alone;
        }
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
    if options.budgets {
        let chosen = budgets::BUDGETS.iter();
        return budgets::hold(chosen.filter(|budget| options.chooses(budget.scenario)));
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
    if scenarios.len() + reports.len() > 1 {
        let scenarios = scenarios.iter().map(|scenario| scenario.name);
        let names = scenarios.chain(reports.iter().map(|report| report.name));
        return each_alone(options, names, document);
    }
    println!(
        "{} turns of about {:?} each, in random order",
        plan.turns, plan.slice
    );
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
        document.put(entry(name, result));
    }
    for report in reports {
        let result = match (report.run)(plan) {
            Ok(findings) => {
                println!("\n{findings}");
                Measured::Report(findings)
            }
            Err(why) => left_out(report.name, why),
        };
        document.put(entry(report.name, result));
    }
    Ok(())
}

fn entry(name: &str, result: Measured) -> Entry {
    Entry {
        command: format!("cargo bench -p linecard-benches -- --exact {name}"),
        date: machine::today(),
        machine: Machine::here(),
        result,
    }
}

fn left_out(name: &str, why: String) -> Measured {
    println!("\n{name}: left out: {why}");
    let name = name.to_owned();
    Measured::LeftOut { name, why }
}

/// Runs each in a process of its own, so that it has all huge pages, ends in time, and takes nobody
/// with it.
fn each_alone<'a>(
    options: &Options,
    names: impl Iterator<Item = &'a str>,
    document: &mut Document,
) -> Result<(), String> {
    let told = |error: std::io::Error| error.to_string();
    let program = std::env::current_exe().map_err(told)?;
    let file = std::env::temp_dir().join(format!("linecard-bench-{}.json", std::process::id()));
    for name in names {
        let mut command = Command::new(&program);
        command.args(["--alone", name, "--json"]).arg(&file);
        command.args(["--turns", &options.plan.turns.to_string()]);
        command.args(["--slice-ms", &options.plan.slice.as_millis().to_string()]);
        if let Some(units) = options.plan.units {
            command.args(["--units", &units.to_string()]);
        }
        if let Some(word) = &options.plan.only {
            command.args(["--only", word]);
        }
        if options.plan.exact {
            command.arg("--exact");
        }
        if options.instructions {
            command.arg("--instructions");
        }
        let mut child = command.spawn().map_err(told)?;
        let end = Instant::now()
            + ALONE
            + if options.instructions {
                COUNTING
            } else {
                Duration::ZERO
            };
        let why = loop {
            match child.try_wait().map_err(told)? {
                Some(status) if status.success() => break None,
                Some(status) => break Some(format!("it ended with {status}")),
                None if Instant::now() > end => {
                    // It may have ended just now.
                    let _ = child.kill();
                    let _ = child.wait();
                    break Some(format!("it did not end in {ALONE:?}"));
                }
                None => thread::sleep(Duration::from_millis(10)),
            }
        };
        match why {
            None => Document::load(&file)?
                .entries
                .into_iter()
                .for_each(|entry| document.put(entry)),
            Some(why) => document.put(entry(name, left_out(name, why))),
        }
        // Not there if it failed.
        let _ = fs::remove_file(&file);
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// How long one scenario or report takes at most, without counting.
const ALONE: Duration = Duration::from_secs(240);
/// How long a scenario's contenders are simulated in all.
const COUNTING: Duration = Duration::from_secs(60);

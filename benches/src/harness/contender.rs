//! Who answers a question.

use core::cell::Cell;
use core::time::Duration;
use std::rc::Rc;

use super::cpu_time;
use crate::place;

/// Does a number of units of work, and says how long that took.
pub type Run = Box<dyn FnMut(u64) -> Duration>;

/// One who answers.
pub struct Contender {
    /// Who. By their names [bars](crate::bar::Bar) know "linecard", "floor" and all others, the peers.
    pub name: &'static str,
    build: Box<dyn FnOnce() -> Result<Built, String>>,
}

/// What does the work, and the figures that it finds besides.
pub(super) type Built = (Run, Vec<Besides>);

/// A figure that a contender finds in each turn besides its time. It gets a row of its own, named
/// `what: contender`.
#[derive(Debug, Clone)]
pub struct Besides {
    /// What it is.
    pub what: &'static str,
    /// In what it is counted, a unit of work.
    pub unit: &'static str,
    /// What the last turn gave.
    pub value: Rc<Cell<f64>>,
}

impl Besides {
    /// A figure that is not there yet.
    #[must_use]
    pub fn new(what: &'static str, unit: &'static str) -> Self {
        let value = Rc::new(Cell::new(f64::NAN));
        Self { what, unit, value }
    }
}

impl Contender {
    /// A contender who says how long its work took.
    pub fn new(name: &'static str, run: impl FnMut(u64) -> Duration + 'static) -> Self {
        Self::with(name, Vec::new(), run)
    }

    /// A contender who says how long its work took, and finds these figures besides.
    pub fn with(
        name: &'static str,
        besides: Vec<Besides>,
        run: impl FnMut(u64) -> Duration + 'static,
    ) -> Self {
        let build = Box::new(|| Ok((Box::new(run) as Run, besides)));
        Self { name, build }
    }

    /// A contender whose work is timed from its beginning to its end, by [`cpu_time`].
    pub fn timed(name: &'static str, mut work: impl FnMut(u64) + 'static) -> Self {
        Self::new(name, move |units| {
            let start = cpu_time();
            work(units);
            cpu_time().saturating_sub(start)
        })
    }

    /// A contender that is built only where it is chosen; where it cannot be, its row says why and
    /// the others run.
    pub fn lazy(
        name: &'static str,
        build: impl FnOnce() -> Result<Contender, String> + 'static,
    ) -> Self {
        let build = Box::new(|| build().and_then(|contender| (contender.build)()));
        Self { name, build }
    }

    /// With its turns on that processor, where another contender's are: each has slow states of its own.
    #[must_use]
    pub fn on(self, cpu: usize) -> Self {
        let Self { name, build } = self;
        let build = Box::new(move || {
            let (mut run, besides) = build()?;
            let run = move |units| place::on(cpu, || run(units));
            Ok((Box::new(run) as Run, besides))
        });
        Self { name, build }
    }

    /// A row for one who cannot be here, and why.
    pub fn missing(name: &'static str, why: impl Into<String>) -> Self {
        let why = why.into();
        let build = Box::new(|| Err(why));
        Self { name, build }
    }

    /// What does its work.
    ///
    /// # Errors
    /// What it needs and this machine does not have.
    pub fn build(self) -> Result<Run, String> {
        self.build_all().map(|(run, _)| run)
    }

    /// Likewise, with what it finds besides.
    pub(super) fn build_all(self) -> Result<Built, String> {
        (self.build)()
    }
}

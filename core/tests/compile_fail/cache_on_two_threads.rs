//! A pool cache belongs to one core: it can be moved to a thread, and not be shared by two.

use linecard::mempool::Cache;

fn share(cache: &Cache<'static>) {
    std::thread::scope(|scope| {
        scope.spawn(|| println!("{}", cache.len()));
    });
}

fn main() {}

//! A device queue's account has one thread that counts.

use linecard::mempool::Account;

fn share(account: &Account<'static>) {
    std::thread::scope(|scope| {
        scope.spawn(|| println!("{}", account.posted()));
    });
}

fn main() {}

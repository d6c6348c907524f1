//! The migrations are compiled in; a new file among them is noticed only here.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}

//! SQL, migrations and the two database drivers. Invariant: the only place that names a database crate.

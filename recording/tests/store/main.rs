//! Tests of the store through its public face, in one binary: linking the Parquet library takes longer than they do.

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod budget;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod elsewhere;
#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod hostile_bytes;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod side_by_side;
#[cfg(test)]
mod speed;
#[cfg(test)]
mod whole;

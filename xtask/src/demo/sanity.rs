//! Whether what the guest says of itself can be true. Each function takes the records that `--output json` prints.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Bytes of memory that the overlay may hold while it is idle.
const OVERLAY_LIMIT: u64 = 4 << 20;

/// How far the guest's clock may be from the host's after `since`: the guest reads whole seconds at its start, and measures
/// its processor's frequency then, which an emulator on a busy host makes it misjudge.
fn clock_limit(since: Duration) -> Duration {
    Duration::from_secs(3) + since / 2
}

/// `ps`: the application's task is there, so is the overlay's, numbers are unique, stacks are not overrun.
///
/// # Errors
/// Names what cannot be true.
pub fn tasks(records: &Value, app: &str) -> Result<()> {
    let all = list(records)?;
    let tasks: Vec<&Value> = all
        .iter()
        .filter(|record| record["type"] == "task")
        .collect();
    for wanted in [app, "uio", "idle"] {
        let found = tasks.iter().any(|task| task["name"] == wanted);
        ensure!(found, "no task is called `{wanted}`: {records}");
    }
    let mut ids = Vec::new();
    for task in &tasks {
        ids.push(number(task, "id")?);
        let (used, size) = (number(task, "stack_used")?, number(task, "stack_size")?);
        ensure!(
            used <= size,
            "a task uses {used} of {size} bytes of stack: {task}"
        );
        ensure!(number(task, "priority")? <= 30, "no such priority: {task}");
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    ensure!(
        ids.len() == count,
        "two tasks have the same number: {records}"
    );
    let running = tasks
        .iter()
        .filter(|task| task["state"] == "running")
        .count();
    ensure!(
        running >= 1,
        "no task runs, not even the one that answers: {records}"
    );
    Ok(())
}

/// `free`: sums fit, within `memory_mib` MiB.
///
/// # Errors
/// Names what cannot be true.
pub fn memory(record: &Value, memory_mib: u64) -> Result<()> {
    let total = number(record, "total")?;
    let mib = 1 << 20;
    ensure!(
        total <= memory_mib * mib && total > memory_mib * mib * 3 / 4,
        "{total} bytes of memory in a machine of {memory_mib} MiB"
    );
    let heap = number(record, "heap_total")?;
    let (used, free) = (number(record, "heap_used")?, number(record, "frames_free")?);
    ensure!(used <= heap, "{used} of {heap} bytes of heap are used");
    ensure!(
        heap + free <= total,
        "heap and free frames are more than there is: {record}"
    );
    let overlay = number(record, "overlay")?;
    ensure!(
        overlay > 0 && overlay <= OVERLAY_LIMIT,
        "the overlay holds {overlay} bytes, {OVERLAY_LIMIT} are allowed"
    );
    Ok(())
}

/// `log`: the kernel's lines, numbered and stamped in order.
///
/// # Errors
/// Names what cannot be true.
pub fn log(records: &Value) -> Result<()> {
    let lines = list(records)?;
    let welcome = lines.iter().any(|line| {
        line["text"]
            .as_str()
            .is_some_and(|text| text.contains("Welcome to Hermit"))
    });
    ensure!(welcome, "the kernel's welcome is not in its log");
    for pair in lines.windows(2) {
        let [before, after] = pair else { continue };
        ensure!(
            number(before, "number")? < number(after, "number")?,
            "lines are out of order: {before} {after}"
        );
        // Between lines of one core; the cores' stamps may cross.
        ensure!(
            before["core"] != after["core"] || number(before, "at_us")? <= number(after, "at_us")?,
            "the clock goes backwards: {before} {after}"
        );
    }
    Ok(())
}

/// `uptime`: between the guest's start and now, by the host's clock, on `cores` cores.
///
/// # Errors
/// Names what cannot be true.
pub fn uptime(record: &Value, at_most: Duration, cores: u64) -> Result<()> {
    let up = Duration::from_micros(number(record, "since_boot_us")?);
    ensure!(
        !up.is_zero() && up <= at_most + clock_limit(at_most),
        "up for {up:?}, and started {at_most:?} ago"
    );
    let guest = UNIX_EPOCH + Duration::from_micros(number(record, "now_us")?);
    let now = SystemTime::now();
    let apart = now
        .duration_since(guest)
        .or_else(|_| guest.duration_since(now))?;
    ensure!(
        apart <= clock_limit(at_most),
        "the guest's clock is {apart:?} off"
    );
    ensure!(
        number(record, "cores")? == cores,
        "not {cores} cores: {record}"
    );
    Ok(())
}

fn list(records: &Value) -> Result<&Vec<Value>> {
    let list = records.as_array();
    list.filter(|list| !list.is_empty())
        .with_context(|| format!("not a list of records: {records}"))
}

fn number(record: &Value, member: &str) -> Result<u64> {
    record[member]
        .as_u64()
        .with_context(|| format!("no number `{member}`: {record}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task(id: u64, name: &str, state: &str) -> Value {
        json!({"type": "task", "id": id, "name": name, "state": state, "priority": 2,
               "core": 0, "stack_used": 1, "stack_size": 2})
    }

    #[test]
    fn tasks_must_be_there_and_distinct() {
        let good = [
            task(0, "idle", "idle"),
            task(1, "web", "blocked"),
            task(2, "uio", "running"),
        ];
        tasks(&Value::from(good.to_vec()), "web").unwrap();
        tasks(&Value::from(good[..2].to_vec()), "web").unwrap_err();
        let mut twice = good.to_vec();
        twice.push(task(1, "x", "ready"));
        tasks(&Value::from(twice), "web").unwrap_err();
        let mut overrun = good.to_vec();
        overrun[1]["stack_used"] = 3.into();
        tasks(&Value::from(overrun), "web").unwrap_err();
    }

    #[test]
    fn memory_must_add_up() {
        let good = json!({"total": 120u64 << 20, "frames_free": 10u64 << 20, "heap_total": 100u64 << 20,
                          "heap_used": 1, "overlay": 1});
        memory(&good, 128).unwrap();
        memory(&good, 1024).unwrap_err();
        for (member, wrong) in [
            ("heap_used", 101u64 << 20),
            ("overlay", 0),
            ("frames_free", 21 << 20),
        ] {
            let mut bad = good.clone();
            bad[member] = wrong.into();
            memory(&bad, 128).unwrap_err();
        }
    }

    #[test]
    fn lines_must_be_in_order() {
        let line = |number: u64, at_us: u64, text: &str| json!({"number": number, "at_us": at_us, "core": 0, "text": text});
        let first = line(0, 5, "Welcome to Hermit 0.11.0");
        log(&json!([first, line(1, 5, "a")])).unwrap();
        log(&json!([first, line(0, 5, "a")])).unwrap_err();
        log(&json!([first, line(1, 4, "a")])).unwrap_err();
        log(&json!([line(1, 4, "a")])).unwrap_err();
        log(&json!([])).unwrap_err();
    }

    #[test]
    fn clocks_must_agree() {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_micros() as u64;
        let record = json!({"since_boot_us": 1_000_000, "now_us": now, "cores": 1});
        let started = Duration::from_secs(2);
        uptime(&record, started, 1).unwrap();
        uptime(&record, started, 2).unwrap_err();
        let late = json!({"since_boot_us": 9_000_000, "now_us": now, "cores": 1});
        uptime(&late, started, 1).unwrap_err();
        let lost = json!({"since_boot_us": 1, "now_us": now - 60_000_000, "cores": 1});
        uptime(&lost, started, 1).unwrap_err();
    }
}

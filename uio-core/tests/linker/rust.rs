//! Rust: a library without std, compiled to one object.
#![no_std]

use core::sync::atomic::{AtomicI32, Ordering::Relaxed};

unsafe extern "C" {
    fn outside_add(a: i32, b: i32) -> i32;
    static mut outside_value: i32;
}

static COUNTER: AtomicI32 = AtomicI32::new(5);
static NAMES: [&str; 3] = ["alpha", "beta", "gamma"];

trait Shape {
    fn area(&self) -> i32;
}

struct Square(i32);
struct Line;

impl Shape for Square {
    fn area(&self) -> i32 {
        self.0 * self.0
    }
}

impl Shape for Line {
    fn area(&self) -> i32 {
        0
    }
}

static SHAPES: [&(dyn Shape + Sync); 3] = [&Square(3), &Line, &Square(4)];

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(no_mangle)]
extern "C" fn main(argc: i32, argv: *const *const u8) -> i32 {
    if argc != 3 || argv.is_null() {
        return 1;
    }
    let letters: usize = NAMES.iter().map(|name| name.len()).sum();
    if letters != 14 {
        return 2;
    }
    let area: i32 = SHAPES.iter().map(|shape| shape.area()).sum();
    if area != 25 {
        return 3;
    }
    if COUNTER.fetch_add(1, Relaxed) != 5 || COUNTER.load(Relaxed) != 6 {
        return 4;
    }
    // SAFETY: the test gives both.
    unsafe {
        if outside_add(20, 22) != 42 || outside_value != 4711 {
            return 5;
        }
        outside_value = 112;
    }
    0
}

//! What a panic said and where: noted for the supervisor, since a caught payload does not tell the place.
//!
//! The note stays on the thread that panicked and is taken by the supervisor of that thread's actors. It is
//! bounded and holds no control character, so that it can stand in a report.

use std::any::Any;
use std::cell::RefCell;
use std::panic::PanicHookInfo;

/// Longest note, in characters.
const MAX_NOTE: usize = 300;

thread_local! {
    static NOTE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Makes every panic leave a note for [`supervision`](super) and one line in the log in place of the
/// default message with its backtrace.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let note = describe(info);
        tracing::error!(panic = %note, "an actor or thread panicked");
        NOTE.with(|slot| {
            if let Ok(mut slot) = slot.try_borrow_mut() {
                *slot = Some(note);
            }
        });
    }));
}

/// The note of this thread's last panic, else what the payload says.
pub(super) fn take(payload: &(dyn Any + Send)) -> String {
    NOTE.with(|slot| slot.try_borrow_mut().ok().and_then(|mut slot| slot.take()))
        .unwrap_or_else(|| bounded(text_of(payload)))
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let text = bounded(text_of(info.payload()));
    match info.location() {
        Some(place) => format!("{text} ({}:{})", place.file(), place.line()),
        None => text,
    }
}

fn text_of(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "panicked without a message"
    }
}

fn bounded(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_NOTE)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_one_bounded_line() {
        let long = format!("a\nb{}", "x".repeat(1_000));
        let note = bounded(&long);
        assert!(note.starts_with("a bxx"));
        assert_eq!(note.chars().count(), MAX_NOTE);
    }

    #[test]
    fn any_payload_gives_a_text() {
        assert_eq!(text_of(&"static"), "static");
        assert_eq!(text_of(&"owned".to_owned()), "owned");
        assert_eq!(text_of(&7_u8), "panicked without a message");
    }
}

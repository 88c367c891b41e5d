//! What holds with any allocator inside whose small size classes put blocks closer
//! together than 16 bytes.

use super::churn;

/// At quiet points the image is what the program's own book says, the blocks of the
/// 8-byte class among them.
pub(crate) fn books_equal_images() {
    let compared = churn::books_equal_images(6, 20_000);
    assert!(
        compared.len() > 6 * 1000,
        "{} blocks compared",
        compared.len()
    );
    let close = compared.iter().filter(|addr| **addr % 16 == 8).count();
    assert!(
        close > 100,
        "only {close} blocks of the 8-byte class were compared"
    );
}

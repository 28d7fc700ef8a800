/* One decoder under libFuzzer: whatever the bytes, no crash, and the same events however the
 * reads fall.
 *
 * An input is a seed for the pieces, and the text. */
#include "../unit/wire/transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void fuzz(enum format format, struct decode_options o, const uint8_t *data, size_t n) {
    if (n < 2) return;
    uint64_t seed = data[0] + 1;
    size_t most = (size_t)data[1] % 64 + 1;
    /* A copy of exactly this size, so that a read behind its end is seen. */
    struct slice text = {memcpy(mem_alloc(n - 2), data + 2, n - 2), n - 2};
    if (!same_in_pieces_of(format, o, text, seed, most)) abort();
    free((char *)text.p);
}

#include "fuzz_decoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n == 0) return 0;
    struct decode_options o = {.max_line = data[0] & 2 ? 16 : 0};
    fuzz(FORMAT_DOCUMENTS, o, data, n);
    return 0;
}

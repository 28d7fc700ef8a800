#include "fuzz_decoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n == 0) return 0;
    struct decode_options o = {.max_line = data[0] & 2 ? 16 : 0};
    if (data[0] & 4) o.header = "a,b,c";
    if (data[0] & 8) o.types = "a:num,b:text";
    fuzz(data[0] & 1 ? FORMAT_TSV : FORMAT_CSV, o, data, n);
    return 0;
}

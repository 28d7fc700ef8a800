#include "op/blocks.h"

#include <stdint.h>

#include "base/buf.h"
#include "check.h"

/* More than a slab holds, each written full, so that two that overlap show. */
static void blocks_do_not_overlap(void) {
    enum { SIZE = 4096, N = 1200 };
    struct blocks b = {.size = SIZE};
    char *all[N];
    for (int i = 0; i < N; i++) {
        all[i] = blocks_take(&b);
        CHECK((uintptr_t)all[i] % SIZE == 0);
        memset(all[i], i % 251, SIZE);
    }
    for (int i = 0; i < N; i++)
        for (int at = 0; at < SIZE; at++)
            if (all[i][at] != (char)(i % 251)) CHECK(!"as it was written");
    CHECK(blocks_bytes(&b) >= (size_t)N * SIZE);
    blocks_free(&b);
    CHECK(blocks_bytes(&b) == 0);
}

static void what_is_given_back_is_taken_again(void) {
    struct blocks b = {.size = 1024};
    char *first = blocks_take(&b), *second = blocks_take(&b);
    size_t bytes = blocks_bytes(&b);
    blocks_give(&b, first);
    blocks_give(&b, second);
    CHECK(blocks_take(&b) == second);
    CHECK(blocks_take(&b) == first);
    CHECK(blocks_bytes(&b) == bytes);
    CHECK(blocks_take(&b) != second);
    blocks_free(&b);
}

int main(void) {
    RUN(blocks_do_not_overlap);
    RUN(what_is_given_back_is_taken_again);
    return check_done();
}

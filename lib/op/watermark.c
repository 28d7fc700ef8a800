#include "op/watermark.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/timestamp.h"

void watermarks_init(struct watermarks *w, size_t inputs) {
    *w = (struct watermarks){
        .of = mem_zero(inputs ? inputs : 1, sizeof *w->of),
        .heap = mem_zero(inputs ? inputs : 1, sizeof *w->heap),
        .stream = TIME_NONE,
    };
}

void watermarks_free(struct watermarks *w) {
    free(w->of);
    free(w->heap);
    *w = (struct watermarks){0};
}

static bool before(const struct watermarks *w, size_t a, size_t b) {
    return w->of[a] != w->of[b] ? w->of[a] < w->of[b] : a < b;
}

static void sift_down(struct watermarks *w) {
    size_t at = 0, input = w->heap[0];
    for (size_t child; (child = 2 * at + 1) < w->n; at = child) {
        if (child + 1 < w->n && before(w, w->heap[child + 1], w->heap[child])) child++;
        if (!before(w, w->heap[child], input)) break;
        w->heap[at] = w->heap[child];
    }
    w->heap[at] = input;
}

void watermarks_begin(struct watermarks *w, size_t input, int64_t first) {
    w->of[input] = first;
    size_t at = w->n++;
    for (size_t parent; at > 0; at = parent) {
        parent = (at - 1) / 2;
        if (!before(w, input, w->heap[parent])) break;
        w->heap[at] = w->heap[parent];
    }
    w->heap[at] = input;
    w->stream = w->of[w->heap[0]];
}

void watermarks_sift(struct watermarks *w) {
    sift_down(w);
    int64_t least = w->of[w->heap[0]];
    if (least > w->stream) w->stream = least;
}

void watermarks_end(struct watermarks *w) {
    w->heap[0] = w->heap[--w->n];
    if (w->n) watermarks_sift(w);
    else w->stream = TIME_END;
}

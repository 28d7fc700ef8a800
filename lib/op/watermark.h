/* Watermarks of several inputs, and the disorder that was seen. DESIGN: the watermark of one input
 * is the greatest event time seen minus the lateness and never goes back; that of a stream is the
 * least of its inputs that are not at their end; next is read from the input whose watermark is
 * lowest, ties by position. */
#ifndef EV_OP_WATERMARK_H
#define EV_OP_WATERMARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The inputs that are not at their end, as a heap by (watermark, index). */
struct watermarks {
    int64_t *of;    /* by input */
    size_t *heap;   /* inputs, the next to be read first */
    size_t n;       /* in the heap */
    int64_t stream; /* the stream's watermark; TIME_END when all inputs are at their end */
};

void watermarks_init(struct watermarks *w, size_t inputs); /* none begun: each is added below */
void watermarks_free(struct watermarks *w);
/* first: the time of its first good event - lateness. All inputs are begun before an event is
 * taken, since each lowers the stream's watermark to the least. */
void watermarks_begin(struct watermarks *w, size_t input, int64_t first);
static inline size_t watermarks_next(const struct watermarks *w) { return w->heap[0]; } /* n > 0 */
void watermarks_sift(struct watermarks *w);
/* An event of the input that is next had this time - lateness. */
static inline void watermarks_seen(struct watermarks *w, int64_t candidate) {
    size_t input = w->heap[0];
    if (candidate <= w->of[input]) return;
    w->of[input] = candidate;
    if (w->n == 1 && candidate > w->stream) w->stream = candidate;
    else watermarks_sift(w);
}
void watermarks_end(struct watermarks *w); /* the input that is next is at its end */

/* How far events were behind the running maximum of event time. */
enum { DISORDER_STEP_BITS = 6, DISORDER_BUCKETS = 64 << DISORDER_STEP_BITS };
struct disorder {
    int64_t max_time; /* TIME_NONE at first */
    uint64_t in_order;
    uint64_t behind[DISORDER_BUCKETS]; /* log-linear: 64 buckets for each power of two of µs */
    int64_t greatest;
};

void disorder_init(struct disorder *d);
void disorder_behind(struct disorder *d, int64_t behind_us);
static inline void disorder_seen(struct disorder *d, int64_t time) {
    if (time >= d->max_time) {
        d->max_time = time;
        d->in_order++;
    } else {
        disorder_behind(d, d->max_time - time);
    }
}
/* The distance that the share p (0..1) of all events does not exceed: the upper edge of its bucket
 * (at most 1/64 more than the truth), never over the greatest; 0 for in order. */
int64_t disorder_quantile(const struct disorder *d, double p);

#endif

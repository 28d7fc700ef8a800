/* Bytes that arrive in pieces, and what a decoder makes of them as text that can be compared. */
#ifndef EV_TRANSCRIPT_H
#define EV_TRANSCRIPT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "wire/decoder.h"

struct pieces {
    struct bytes base;
    struct slice left;
    uint64_t random; /* 0: all at once */
    size_t most;     /* else 1 to `most` bytes a read */
};

static inline bool pieces_read(struct bytes *b, void *to, size_t room, size_t *got, struct err *e) {
    (void)e;
    struct pieces *p = (struct pieces *)b;
    size_t n = p->left.n;
    if (p->random) {
        p->random = p->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        size_t piece = (size_t)(p->random >> 33) % p->most + 1;
        if (piece < n) n = piece;
    }
    if (n > room) n = room;
    if (n) memcpy(to, p->left.p, n);
    p->left = (struct slice){p->left.p + n, p->left.n - n};
    *got = n;
    return true;
}

static inline void pieces_close(struct bytes *b) { (void)b; }

static inline struct pieces pieces_of(struct slice s, uint64_t seed, size_t most) {
    return (struct pieces){.base = {.name = "test",
                               .frames = s.n && (unsigned char)s.p[0] == 0x89,
                               .read = pieces_read,
                               .close = pieces_close},
        .left = s,
        .random = seed,
        .most = most};
}

static inline void transcribe_time(struct buf *out, const char *name, int64_t t) {
    if (t == TIME_NONE) return;
    buf_printf(out, " %s ", name);
    if (t >= TIME_MIN && t <= TIME_MAX) buf_add_time(out, t);
    else buf_printf(out, "%lld", (long long)t);
}

static inline void transcribe_control(struct buf *out, const struct control *c) {
    buf_adds(out, "control ");
    control_write(out, c);
    buf_addc(out, '\n');
}

/* A line for each event: `event 3 {"a":1}`, `bad 4 code: message [text]`, `abort 5 message`, `control {...}`,
 * `failed 6 message`; at the end `blank 2` where lines were blank. An event's own time and watermark follow it. */
static inline void transcribe(
    struct buf *out, enum format format, const struct decode_options *o, struct pieces *in) {
    struct json_scanner *scanner = json_scanner_new(1024);
    struct err e = {0};
    struct decoder *d = decoder_open(format, &in->base, scanner, o, &e);
    if (!d) {
        buf_printf(out, "refused %s\n", e.text);
        json_scanner_free(scanner);
        return;
    }
    bool begun = !d->begin || d->begin(d, &e);
    if (!begun) buf_printf(out, "failed at its beginning: %s\n", e.text);
    if (d->open) transcribe_control(out, d->open);
    while (begun) {
        struct event ev = {.time = TIME_NONE, .watermark = TIME_NONE};
        enum decoded what = d->next(d, &ev, &e);
        if (what == DECODED_END) break;
        if (what == DECODED_CONTROL) {
            transcribe_control(out, ev.control);
            continue;
        }
        static const char *const names[] = {[DECODED_EVENT] = "event",
            [DECODED_BAD] = "bad",
            [DECODED_ABORT] = "abort",
            [DECODED_FAILED] = "failed"};
        buf_printf(out, "%s %llu ", names[what], (unsigned long long)ev.line);
        if (what == DECODED_EVENT) buf_add_slice(out, ev.text);
        else if (what == DECODED_BAD) buf_printf(out, "%s: %s [", ev.bad_code, e.text);
        else buf_adds(out, e.text);
        if (what == DECODED_BAD) buf_add_slice(out, ev.text), buf_addc(out, ']');
        if (what == DECODED_EVENT) transcribe_time(out, "time", ev.time);
        if (what == DECODED_EVENT) transcribe_time(out, "watermark", ev.watermark);
        buf_addc(out, '\n');
        if (what == DECODED_FAILED) break;
    }
    if (d->blank) buf_printf(out, "blank %llu\n", (unsigned long long)d->blank);
    d->close(d);
    json_scanner_free(scanner);
}

/* Ends in NUL; the caller frees it. */
static inline struct buf transcript(enum format format, struct decode_options o, struct pieces in) {
    struct buf out = {0};
    transcribe(&out, format, &o, &in);
    buf_addc(&out, '\0');
    return out;
}

/* Does it read the same in pieces of 1 to `most` bytes? Prints both where it does not. */
static inline bool same_in_pieces_of(
    enum format format, struct decode_options o, struct slice text, uint64_t seed, size_t most) {
    struct buf whole = transcript(format, o, pieces_of(text, 0, 0));
    struct buf cut = transcript(format, o, pieces_of(text, seed, most));
    bool same = slice_eq(buf_slice(&whole), buf_slice(&cut));
    if (!same) {
        fprintf(stderr, "seed %llu, pieces up to %zu:\n", (unsigned long long)seed, most);
        fwrite(cut.p, 1, cut.n, stderr);
        fputs("\nwhole:\n", stderr);
        fwrite(whole.p, 1, whole.n, stderr);
    }
    buf_free(&whole);
    buf_free(&cut);
    return same;
}

static inline bool same_in_pieces(enum format format, struct decode_options o, struct slice text) {
    bool same = true;
    for (uint64_t seed = 1; seed <= 40 && same; seed++)
        same = same_in_pieces_of(format, o, text, seed, seed <= 2 ? 1 : seed <= 20 ? 7 : 300);
    return same;
}

#define CHECK_TRANSCRIPT(format, options, text, size, want)                                        \
    do {                                                                                           \
        struct slice text_ = {text, size};                                                         \
        struct buf got__ = transcript(format, options, pieces_of(text_, 0, 0));                    \
        CHECK_STR(got__.p, want);                                                                  \
        buf_free(&got__);                                                                          \
        CHECK(same_in_pieces(format, options, text_));                                             \
    } while (0)

#endif

/* What the decoders share: a buffer that is filled from bytes. Private to this room. */
#ifndef EV_WIRE_READER_H
#define EV_WIRE_READER_H

#include "base/buf.h"
#include "wire/decoder.h"

enum {
    READER_ROOM = 256 << 10,   /* bytes of the buffer, until a longer line comes */
    TOO_LONG_SHOWN = 64 << 10, /* bytes of a line over the limit that its envelope carries */
};

/* [p+at, p+end) was read and is not yet used up. JSON_SLACK zeros lie behind `end`. */
struct reader {
    struct bytes *in;
    char *p;
    size_t cap; /* without the slack */
    size_t at, end;
    size_t max_line;
    size_t most; /* that cap may grow to */
    bool started, eof;
};

void reader_init(struct reader *r, struct bytes *in, size_t max_line);
void reader_free(struct reader *r); /* closes the bytes */

/* Moves what is left to the front (at becomes 0) and reads once behind it; sets eof when
 * nothing came. The buffer grows while `at` stays, so that the caller bounds it: end - at <
 * most before the call. The first call reads at least three bytes, skips a byte order mark
 * and refuses UTF-16. *fresh is where the new bytes begin. */
bool reader_fill(struct reader *r, size_t *fresh, struct err *e);

/* Behind the last newline of [from, end), or 0. */
size_t reader_last_line_end(const struct reader *r, size_t from);

/* What an envelope shows of a line over the limit, which begins at p: as much however the reads fell, and no part of a
 * character of UTF-8. */
struct slice reader_shown(const struct reader *r, const char *p);
/* Says `longer than 16 MiB (--max-line)`; returns DECODED_BAD. */
enum decoded reader_too_long(const struct reader *r, struct event *ev, struct err *e);

/* For `return`: sets ev->bad_code and is DECODED_BAD. */
enum decoded decoded_bad(struct event *ev, const char *code);

struct decoder *lines_open(
    struct bytes *in, struct json_scanner *scanner, const struct decode_options *o);
/* EXIT_USAGE as decode_options_check(). */
struct decoder *frames_open(
    struct bytes *in, struct json_scanner *scanner, const struct decode_options *o);
struct decoder *csv_open(struct bytes *in, struct json_scanner *scanner,
    const struct decode_options *o, char delimiter, struct err *e);
struct decoder *documents_open(
    struct bytes *in, struct json_scanner *scanner, const struct decode_options *o);

#endif

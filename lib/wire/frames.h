/* Frames: a stream in chunks of bytes, with the time of each event and the watermark before it. evframe(5)
 * says it to the byte. Numbers are little-endian. Written into a buffer:
 *
 *     frames_start(out);
 *     size_t chunk = frame_begin(out);
 *     size_t record = record_begin(out, time, watermark); ...text...; record_end(out, record);
 *     frame_end(out, chunk, FRAME_DATA, checked);
 */
#ifndef EV_WIRE_FRAMES_H
#define EV_WIRE_FRAMES_H

#include <endian.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define FRAMES_MAGIC                                                                               \
    "\x89"                                                                                         \
    "EVF\r\n\x1a\n"
enum {
    FRAMES_MAGIC_BYTES = 8,
    FRAMES_START_BYTES = 16, /* magic, version, CRC-32 of both */
    FRAME_HEADER_BYTES = 16, /* type, flags, length, CRC-32 of the payload or 0, CRC-32 of these */
    RECORD_BYTES = 24,       /* length of the text, shape, time, watermark */
    FRAME_FULL = 64 << 10,   /* a chunk that has as much is sent */
    FRAME_MOST = 1 << 20,    /* and none is longer, unless it holds one event */
};
enum frame_type { FRAME_CONTROL = 1, FRAME_DATA = 2 };
enum frame_flag { FRAME_CHECKED = 1 }; /* the payload has a CRC-32 */

void frames_start(struct buf *out);
/* Returns where the chunk begins, for frame_end(), which makes it whole: what was appended between is its
 * payload. An empty chunk is taken back. */
size_t frame_begin(struct buf *out);
void frame_end(struct buf *out, size_t chunk, enum frame_type type, bool checked);

static inline void frames_put32(char *to, uint32_t v) {
    v = htole32(v);
    memcpy(to, &v, sizeof v);
}
static inline void frames_put64(char *to, uint64_t v) {
    v = htole64(v);
    memcpy(to, &v, sizeof v);
}
static inline uint32_t frames_get32(const char *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return le32toh(v);
}
static inline uint64_t frames_get64(const char *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

/* Returns where the record begins, for record_end(): what was appended between is its text. */
static inline size_t record_begin(struct buf *out, int64_t time, int64_t watermark) {
    size_t at = out->n;
    char *p = buf_reserve(out, RECORD_BYTES);
    frames_put32(p + 4, 0);
    frames_put64(p + 8, (uint64_t)time);
    frames_put64(p + 16, (uint64_t)watermark);
    out->n += RECORD_BYTES;
    return at;
}

static inline void record_end(struct buf *out, size_t record) {
    frames_put32(out->p + record, (uint32_t)(out->n - record - RECORD_BYTES));
    buf_addc(out, '\n');
}

#endif

/* Frames whose checksums are right and whose content is anything, and streams of control lines: no crash, and the same
 * events however the reads fall.
 *
 * An input is two bytes for the pieces, one for the kind of stream, and the text. Of frames: chunk after chunk a byte
 * for the type, one for the flags, two for the length, and the payload. */
#include "fuzz_decoder.h"

#include "wire/frames.h"

#define OPEN "{\"@ev\":\"open\",\"version\":1,\"watermarks\":true,\"time\":{\"field\":\"ts\"}}"

static struct slice take(struct slice *from, size_t n) {
    struct slice taken = {from->p, n < from->n ? n : from->n};
    *from = (struct slice){from->p + taken.n, from->n - taken.n};
    return taken;
}

static void add_chunks(struct buf *out, struct slice left) {
    while (left.n >= 4) {
        struct slice head = take(&left, 4);
        size_t n = (unsigned char)head.p[2] | (size_t)(unsigned char)head.p[3] << 8;
        struct slice payload = take(&left, n);
        size_t chunk = frame_begin(out);
        buf_add_slice(out, payload);
        frame_end(out, chunk, (enum frame_type)(head.p[0] & 3), head.p[1] & 1);
    }
    buf_add_slice(out, left);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n < 3) return 0;
    struct slice text = {(const char *)data + 3, n - 3};
    struct decode_options o = {.may_open = true, .max_line = data[2] & 2 ? 40 : 0};
    struct buf stream = {0};
    buf_add(&stream, data, 2);
    if (data[2] & 1) {
        buf_adds(&stream, OPEN "\n");
        buf_add_slice(&stream, text);
    } else {
        frames_start(&stream);
        size_t chunk = frame_begin(&stream);
        buf_adds(&stream, OPEN);
        frame_end(&stream, chunk, FRAME_CONTROL, false);
        add_chunks(&stream, text);
    }
    fuzz(FORMAT_LINES, o, (const uint8_t *)stream.p, stream.n);
    buf_free(&stream);
    return 0;
}

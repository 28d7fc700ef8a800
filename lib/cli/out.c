#include "cli/out.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "wire/frames.h"

enum { PIPE_BYTES = 1 << 20 };

bool out_open(struct out *o, struct err *e) {
    struct stat st;
    *o = (struct out){.watermark = TIME_NONE};
    if (fstat(STDOUT_FILENO, &st) != 0) return err_errno(e, EXIT_IO, errno, "standard output");
    o->waits = !S_ISREG(st.st_mode);
    /* A third more throughput; an unprivileged user may be over his limit, then the default serves. */
    if (S_ISFIFO(st.st_mode)) (void)fcntl(STDOUT_FILENO, F_SETPIPE_SZ, PIPE_BYTES);
    buf_reserve(&o->buf, 2 * OUT_BLOCK);
    return true;
}

/* ---- records ---- */

/* Whoever reads a file may do so after years; a pipe loses nothing. */
static bool is_checked(const struct out *o) { return !o->waits; }

static void end_chunk(struct out *o) {
    if (o->in_chunk) frame_end(&o->buf, o->chunk, FRAME_DATA, is_checked(o));
    o->in_chunk = false;
}

static void add_control_chunk(struct out *o, struct slice text) {
    end_chunk(o);
    size_t chunk = frame_begin(&o->buf);
    buf_add_slice(&o->buf, text);
    frame_end(&o->buf, chunk, FRAME_CONTROL, is_checked(o));
}

static void add_control(struct out *o, const struct control *c) {
    struct buf text = {0};
    control_write(&text, c);
    if (o->wire == WIRE_CONTROL) {
        buf_addc(&text, '\n');
        buf_add_slice(&o->buf, buf_slice(&text));
    } else {
        add_control_chunk(o, buf_slice(&text));
    }
    buf_free(&text);
}

void out_start(struct out *o, enum wire wire, struct control *open) {
    o->wire = wire;
    open->kind = CONTROL_OPEN;
    if (wire == WIRE_FRAMES) frames_start(&o->buf);
    if (wire != WIRE_TEXT) add_control(o, open);
    o->started = true;
    control_free(open);
}

void out_watermark(struct out *o, int64_t watermark) {
    if (o->wire == WIRE_TEXT || watermark <= o->watermark) return;
    if (watermark < TIME_MIN || watermark > TIME_MAX)
        return; /* none yet, or the end, which is told */
    o->watermark = watermark;
    add_control(o, &(struct control){.kind = CONTROL_WATERMARK, .watermark = watermark});
}

void out_control(struct out *o, const struct control *c) {
    if (o->wire != WIRE_TEXT) add_control(o, c);
}

void out_finish(struct out *o) {
    out_control(o, &(struct control){.kind = CONTROL_END, .final = true});
}

void out_begin_record(struct out *o, int64_t time, int64_t watermark) {
    if (o->wire == WIRE_CONTROL) {
        out_watermark(o, watermark);
        return;
    }
    if (!o->in_chunk) o->chunk = frame_begin(&o->buf);
    o->in_chunk = true;
    if (watermark < TIME_MIN) watermark = TIME_NONE;
    if (watermark > o->watermark) o->watermark = watermark;
    o->in_record = true;
    o->record = record_begin(&o->buf, time, watermark);
}

/* A long event gets a chunk of its own. */
static void split_chunk(struct out *o) {
    struct buf last = {0};
    buf_add(&last, o->buf.p + o->record, o->buf.n - o->record);
    o->buf.n = o->record;
    end_chunk(o);
    o->chunk = frame_begin(&o->buf);
    o->in_chunk = true;
    buf_add_slice(&o->buf, buf_slice(&last));
    buf_free(&last);
}

void out_end_record(struct out *o) {
    record_end(&o->buf, o->record);
    o->in_record = false;
    if (o->buf.n - o->chunk > FRAME_MOST) split_chunk(o);
    if (o->buf.n - o->chunk >= FRAME_FULL) end_chunk(o);
}

/* ---- writing ---- */

bool out_flush(struct out *o, struct err *e) {
    end_chunk(o);
    if (!o->buf.n) return true;
    o->broke_off = o->wrote = true;
    if (!io_write(STDOUT_FILENO, o->buf.p, o->buf.n, e)) return err_at(e, "standard output");
    o->broke_off = o->wire != WIRE_FRAMES && o->buf.p[o->buf.n - 1] != '\n';
    o->buf.n = 0;
    return true;
}

static void abort_frames(struct out *o, struct slice line) {
    struct err ignored;
    if (o->in_record) o->buf.n = o->record;
    o->in_record = false;
    add_control_chunk(o, line);
    (void)out_flush(o, &ignored);
}

void out_abort(struct out *o, struct slice line) {
    struct err ignored;
    struct buf text = {0};
    if (o->wire == WIRE_FRAMES && !o->broke_off) {
        abort_frames(o, line);
        return;
    }
    if (!o->broke_off) (void)out_flush(o, &ignored);
    if (o->broke_off) buf_addc(&text, '\n');
    buf_add_slice(&text, line);
    (void)io_write(STDOUT_FILENO, text.p, text.n, &ignored);
    buf_free(&text);
}

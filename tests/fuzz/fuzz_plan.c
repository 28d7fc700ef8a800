/* What a stage believes of a run before it: plans, acknowledgements, control records, whose checksums are right and whose
 * content is anything. No crash, and what is understood once is understood the same when it was written again.
 *
 * An input is one byte for which of them it is, and the members of the object. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "cli/books.h"
#include "cli/plan.h"
#include "sink/appended.h"
#include "state/members.h"
#include "state/sealed.h"
#include "wire/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define PUBLISHED "published\nand more"

static int folder = -1;
static char path[64], input[96], out[96];

static void remove_folder(void) {
    char line[128];
    snprintf(line, sizeof line, "rm -rf %s", path);
    if (system(line) != 0) abort();
}

static void write_file(const char *name, struct slice text) {
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n) abort();
    close(fd);
}

static void make_folder(void) {
    snprintf(path, sizeof path, "%s/ev-fuzz-XXXXXX",
        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(path)) abort();
    folder = open(path, O_RDONLY | O_DIRECTORY);
    snprintf(input, sizeof input, "%s/input", path);
    snprintf(out, sizeof out, "%s/out", path);
    atexit(remove_folder);
}

static void write_sealed(const char *name, struct slice members) {
    struct buf text = {0};
    buf_addc(&text, '{');
    buf_add_slice(&text, members);
    buf_printf(&text, "%s\"version\":1,\"file\":\"%s\"", members.n ? "," : "", name);
    buf_printf(&text, ",\"check\":\"%016" PRIx64 "\"}\n", hash_bytes(text.p, text.n, 0));
    write_file(name, buf_slice(&text));
    buf_free(&text);
}

/* ---- plans ---- */

static void must(bool ok) {
    if (!ok) abort();
}

static void must_be_same(const struct plan *a, const struct plan *b) {
    must(a->epoch == b->epoch && a->records == b->records && a->clock == b->clock);
    must(a->final == b->final && a->chain == b->chain && a->journaled == b->journaled);
    must(a->at.n == b->at.n && a->at.merges == b->at.merges && a->at.stream == b->at.stream);
    must(!a->at.open == !b->at.open && (!a->at.open || strcmp(a->at.open, b->at.open) == 0));
    for (size_t i = 0; i < a->at.n; i++) {
        const struct input_position *x = &a->at.of[i], *y = &b->at.of[i];
        must(strcmp(x->path, y->path) == 0 && x->records == y->records && x->lines == y->lines);
        must(x->offset == y->offset && x->size == y->size && x->check == y->check);
        must(x->before == y->before && x->last == y->last && x->watermark == y->watermark &&
             x->first == y->first);
        must(x->once == y->once && x->begun == y->begun && x->ended == y->ended &&
             x->blank == y->blank && x->trailing == y->trailing);
    }
}

/* Numbers that no run writes say nothing of a real file. */
static void look_at_places(const struct plan *p) {
    for (size_t i = 0; i < p->at.n; i++) {
        struct input_position at = p->at.of[i];
        at.path = input;
        (void)position_is_there(&at);
    }
}

static void fuzz_plan(struct slice members) {
    struct plan once, twice;
    struct err e;
    write_sealed("plan-1", members);
    if (!plan_read(folder, 1, &once, &e)) {
        must(e.code == EXIT_CONFIG);
        return;
    }
    look_at_places(&once);
    must(plan_write(folder, &once, &e) && plan_read(folder, 1, &twice, &e));
    must_be_same(&once, &twice);
    plan_free(&twice);
    struct positions copy = positions_copy(&once.at);
    for (size_t i = 0; i < copy.n; i++) must(positions_find(&once.at, copy.of[i].path) != NULL);
    positions_free(&copy);
    plan_free(&once);
}

/* ---- acknowledgements ---- */

static void restore_books(const struct json_t *o) {
    struct books b = {0};
    struct buf once = {0}, twice = {0};
    books_restore(&b, members_get(o, "books"));
    books_write(&once, &b);
    struct json_t *saved = books_save(&b);
    struct books again = b;
    books_restore(&again, saved);
    books_write(&twice, &again);
    must(slice_eq(buf_slice(&once), buf_slice(&twice)));
    members_free(saved);
    buf_free(&once);
    buf_free(&twice);
}

static void restore_dest(const struct json_t *o) {
    struct err e;
    write_file("out", slice_of(PUBLISHED));
    struct appended *a = appended_open(out, false, folder, &e);
    must(a != NULL);
    if (appended_restore(a, members_get(o, "dest"), &e)) {
        struct json_t *saved = appended_save(a);
        struct appended *b;
        appended_close(a);
        must((b = appended_open(out, false, folder, &e)) != NULL);
        must(appended_restore(b, saved, &e));
        appended_close(b);
        members_free(saved);
    } else {
        must(e.code == EXIT_CONFIG);
        appended_close(a);
    }
}

static void fuzz_ack(struct slice members) {
    struct err e;
    write_sealed("ack-1", members);
    struct json_t *o = sealed_read(folder, "ack", 1, &e);
    if (!o) {
        must(e.code == EXIT_CONFIG);
        return;
    }
    restore_books(o);
    restore_dest(o);
    members_free(o);
}

/* ---- control records ---- */

static void fuzz_control(struct slice members) {
    static const char *const begin[] = {"", "\"@ev\":\"open\",\"version\":1,\"watermarks\":true,",
        "\"@ev\":\"barrier\",\"plan\":\"00000000000000ff\",", "\"@ev\":\"end\",\"final\":true,",
        "\"@ev\":\"watermark\","};
    struct buf text = {0}, once = {0}, twice = {0};
    struct control c, again;
    struct err e;
    if (!members.n) return;
    size_t kind = (unsigned char)*members.p % (sizeof begin / sizeof *begin);
    buf_printf(&text, "{%s", begin[kind]);
    buf_add(&text, members.p + 1, members.n - 1);
    buf_addc(&text, '}');
    if (control_read(buf_slice(&text), &c, &e)) {
        control_write(&once, &c);
        must(control_read(buf_slice(&once), &again, &e));
        control_write(&twice, &again);
        must(slice_eq(buf_slice(&once), buf_slice(&twice)));
        must(c.kind != CONTROL_BARRIER || (c.previous <= c.epoch && c.committed <= c.epoch));
        control_free(&again);
        control_free(&c);
    } else {
        must(e.code == EXIT_BAD_DATA);
    }
    buf_free(&text);
    buf_free(&once);
    buf_free(&twice);
}

/* The members of an input of a plan, or of a file that was published up to some place. */
static void fuzz_inner(struct slice members) {
    static const char published[] = PUBLISHED;
    struct buf text = {0};
    if (!members.n) return;
    size_t at = (unsigned char)*members.p % sizeof published;
    struct slice rest = {members.p + 1, members.n - 1};
    if (at) {
        buf_printf(&text, "\"dest\":{\"dest\":\"%s\",\"offset\":%zu,\"tail\":\"%016" PRIx64 "\",",
            out, at, hash_bytes(published, at, at));
        buf_add_slice(&text, rest);
        buf_addc(&text, '}');
        fuzz_ack(buf_slice(&text));
    } else {
        buf_adds(&text, "\"inputs\":[{\"path\":\"a\",\"offset\":16,");
        buf_add_slice(&text, rest);
        buf_adds(&text, "}]");
        fuzz_plan(buf_slice(&text));
    }
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (folder < 0) {
        make_folder();
        write_file("input", slice_of("{\"a\":1}\n{\"a\":2}\n"));
    }
    if (!n) return 0;
    struct slice members = {(const char *)data + 1, n - 1};
    if (*data % 4 == 0) fuzz_plan(members);
    if (*data % 4 == 1) fuzz_ack(members);
    if (*data % 4 == 2) fuzz_control(members);
    if (*data % 4 == 3) fuzz_inner(members);
    return 0;
}

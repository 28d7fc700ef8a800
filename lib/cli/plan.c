#include "cli/plan.h"

#include "base/hash.h"
#include "state/members.h"
#include "state/sealed.h"

void plan_free(struct plan *p) {
    positions_free(&p->at);
    *p = (struct plan){0};
}

/* ---- writing ---- */

static struct json_t *save_position(const struct input_position *p) {
    struct json_t *o = members_new();
    members_set_text(o, "path", slice_of(p->path));
    if (p->absent) members_set_flag(o, "absent", true);
    members_set_flag(o, "once", p->once);
    members_set_flag(o, "begun", p->begun);
    members_set_flag(o, "ended", p->ended);
    members_set_flag(o, "left", p->left);
    members_set_number(o, "records", (int64_t)p->records);
    members_set_number(o, "lines", (int64_t)p->lines);
    members_set_number(o, "offset", (int64_t)p->offset);
    members_set_number(o, "size", (int64_t)p->size);
    members_set_number(o, "blank", (int64_t)p->blank);
    members_set_number(o, "trailing", (int64_t)p->trailing);
    members_set_hash(o, "check", p->check);
    members_set_hash(o, "before", p->before);
    members_set_number(o, "last", (int64_t)p->last);
    members_set_number(o, "watermark", p->watermark);
    members_set_number(o, "first", p->first);
    return o;
}

static uint64_t mix(uint64_t chain, uint64_t v) { return hash_bytes(&v, sizeof v, chain); }

void plan_chain(struct plan *p, uint64_t before) {
    p->chain = mix(mix(mix(mix(before, p->epoch), p->records), p->final), p->journal);
    for (size_t i = 0; i < p->at.n; i++) {
        const struct input_position *at = &p->at.of[i];
        if (at->absent) continue;
        p->chain = hash_bytes(at->path, strlen(at->path), p->chain);
        p->chain = mix(mix(p->chain, at->records), at->check);
    }
}

bool plan_write(int folder, const struct plan *p, struct err *e) {
    struct json_t *o = members_new(), *inputs = members_list();
    members_set_number(o, "epoch", (int64_t)p->epoch);
    members_set_number(o, "records", (int64_t)p->records);
    members_set_number(o, "clock", p->clock);
    members_set_flag(o, "final", p->final);
    members_set_flag(o, "journaled", p->journaled);
    if (p->journaled) members_set_hash(o, "journal", p->journal);
    members_set_hash(o, "chain", p->chain);
    members_set_flag(o, "watermarks", p->at.merges);
    members_set_number(o, "watermark", p->at.stream);
    if (p->at.open) members_set_text(o, "open", slice_of(p->at.open));
    for (size_t i = 0; i < p->at.n; i++) members_append(inputs, save_position(&p->at.of[i]));
    members_set(o, "inputs", inputs);
    return sealed_write(folder, "plan", p->epoch, o, e);
}

/* ---- reading ---- */

static struct input_position restore_position(const struct json_t *o) {
    return (struct input_position){.path = mem_str(members_text(o, "path")),
        .absent = members_flag(o, "absent"),
        .once = members_flag(o, "once"),
        .begun = members_flag(o, "begun"),
        .ended = members_flag(o, "ended"),
        .left = members_flag(o, "left"),
        .records = (uint64_t)members_number(o, "records"),
        .lines = (uint64_t)members_number(o, "lines"),
        .offset = (uint64_t)members_number(o, "offset"),
        .size = (uint64_t)members_number(o, "size"),
        .blank = (uint64_t)members_number(o, "blank"),
        .trailing = (uint64_t)members_number(o, "trailing"),
        .check = members_hash(o, "check"),
        .before = members_hash(o, "before"),
        .last = (uint64_t)members_number(o, "last"),
        .watermark = members_number(o, "watermark"),
        .first = members_number(o, "first")};
}

bool plan_read(int folder, uint64_t epoch, struct plan *p, struct err *e) {
    struct json_t *o = sealed_read(folder, "plan", epoch, e);
    if (!o) return false;
    const struct json_t *inputs = members_get(o, "inputs");
    *p = (struct plan){.epoch = epoch,
        .records = (uint64_t)members_number(o, "records"),
        .clock = members_number(o, "clock"),
        .final = members_flag(o, "final"),
        .journaled = members_flag(o, "journaled"),
        .journal = members_hash(o, "journal"),
        .chain = members_hash(o, "chain"),
        .at = {.n = members_size(inputs),
            .merges = members_flag(o, "watermarks"),
            .stream = members_number(o, "watermark")}};
    if (members_get(o, "open")) p->at.open = mem_str(members_text(o, "open"));
    p->at.of = mem_zero(p->at.n + 1, sizeof *p->at.of);
    for (size_t i = 0; i < p->at.n; i++) p->at.of[i] = restore_position(members_at(inputs, i));
    members_free(o);
    return true;
}

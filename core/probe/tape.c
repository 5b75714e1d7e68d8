#include "probe/tape.h"

/* Seven bits a byte, the lowest first; small ones of either sign are short. */
static void put(struct text *out, int64_t number)
{
    uint64_t left = ((uint64_t)number << 1) ^ (uint64_t)(number >> 63);
    do {
        text_add_n(out, &(unsigned char){(unsigned char)((left & 127) | (left > 127) << 7)}, 1);
        left >>= 7;
    } while (left);
}

static int64_t get(struct tape *tape)
{
    uint64_t number = 0;
    for (unsigned shift = 0; tape->at < tape->end && shift < 64; shift += 7) {
        unsigned char byte = (unsigned char)*tape->at++;
        number |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            break;
    }
    return (int64_t)(number >> 1) ^ -(int64_t)(number & 1);
}

int64_t tape_number(struct tape *tape, int64_t number)
{
    if (!tape->out)
        return get(tape);
    put(tape->out, number);
    return number;
}

const char *tape_bytes(struct tape *tape, const char *bytes, size_t *len)
{
    if (tape->out) {
        put(tape->out, (int64_t)*len);
        text_add_n(tape->out, bytes, *len);
        return bytes;
    }
    int64_t there = get(tape);
    const char *start = tape->at;
    if (there < 0 || there > tape->end - start)
        there = tape->end - start; /* cut off: what is left is no number either */
    tape->at += there;
    *len = (size_t)there;
    return start;
}

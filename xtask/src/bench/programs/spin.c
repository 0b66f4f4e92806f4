/* Computes until it is ended, and calls nothing. */
int main(void)
{
    for (;;) {
        __asm__ volatile("");
    }
}

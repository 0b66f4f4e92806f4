/* Nothing: what loading and running cost by themselves. */
int main(void)
{
    return 0;
}

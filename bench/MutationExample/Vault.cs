namespace Sealift.Bench.MutationExample;

/// <summary>Something small with checks in it, some of which tests/MutationRunner needs and some of which it does not: what bench/mutation is tried on.</summary>
public static class Vault
{
    /// <summary>Takes out of it.</summary>
    /// <param name="held">What is in it, from 0.</param>
    /// <param name="amount">What is wanted, from 1.</param>
    /// <returns>What is left.</returns>
    /// <exception cref="ArgumentOutOfRangeException">More than there is, or nothing.</exception>
    public static int Take(int held, int amount)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(amount, 1); // no test needs it
        if (amount > held) throw new ArgumentOutOfRangeException(nameof(amount), amount, "more than there is");
        return held - amount;
    }

    /// <summary>How often something can be halved.</summary>
    /// <param name="value">From 1.</param>
    public static int Halvings(int value)
    {
        var count = 0;
        while (value > 1)
        {
            value /= 2; // without it there is no end
            count++;
        }

        return count;
    }

    /// <summary>Never called by a test.</summary>
    /// <param name="pin">Four digits.</param>
    public static bool IsPin(string? pin) => pin is { Length: 4 } digits && digits.All(char.IsAsciiDigit);
}

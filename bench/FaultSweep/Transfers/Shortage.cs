using System.Globalization;

namespace Sealift.Bench.Faults.Transfers;

/// <summary>How transfers of a process come short; tests/rigs/short-transfers.c.</summary>
public sealed record Shortage
{
    /// <summary>What a transfer moves at most: half, one, odd (4095) or page (4096); null: all.</summary>
    public string? Bytes { get; init; }

    /// <summary>Each n-th call only.</summary>
    public int Every { get; init; } = 1;

    /// <summary>How often in a row a call is interrupted before it is made.</summary>
    public int Interrupts { get; init; }

    /// <summary>Which read from <see cref="File"/> answers 0 although the file goes on; 0: none.</summary>
    public int EndsAtRead { get; init; }

    /// <summary>Which write to <see cref="File"/> accepts nothing; 0: none.</summary>
    public int NothingAtWrite { get; init; }

    /// <summary>The end of a path.</summary>
    public string? File { get; init; }

    /// <summary>Whether a kernel may answer so by POSIX and nothing is lost: then nothing but the right result will do.</summary>
    public bool IsLegal => EndsAtRead == 0 && NothingAtWrite == 0;

    /// <summary>What brings it about.</summary>
    /// <param name="library">Path of the compiled library.</param>
    /// <param name="counter">A file that gets the number of calls that came short.</param>
    public IReadOnlyDictionary<string, string?> Environment(string library, string counter) => new Dictionary<string, string?>
    {
        ["LD_PRELOAD"] = library,
        ["SHORT_PROGRAM"] = "sealift",
        ["SHORT_BYTES"] = Bytes,
        ["SHORT_EVERY"] = Every.ToString(CultureInfo.InvariantCulture),
        ["SHORT_EINTR"] = Interrupts.ToString(CultureInfo.InvariantCulture),
        ["SHORT_ZERO"] = EndsAtRead.ToString(CultureInfo.InvariantCulture),
        ["SHORT_NOTHING"] = NothingAtWrite.ToString(CultureInfo.InvariantCulture),
        ["SHORT_PATH"] = File,
        ["SHORT_COUNT"] = counter,
    };

    /// <inheritdoc/>
    public override string ToString() => string.Join(", ", new[]
    {
        Bytes is null ? null : $"{Bytes} of it at each {(Every == 1 ? "call" : $"{Every}th call")}",
        Interrupts == 0 ? null : $"EINTR {Interrupts} times",
        EndsAtRead == 0 ? null : $"read {EndsAtRead} of {File} answers 0",
        NothingAtWrite == 0 ? null : $"write {NothingAtWrite} to {File} accepts 0",
    }.Where(t => t is not null));
}

namespace Sealift.Bench.Copies;

/// <summary>What a command of the benchmark offers.</summary>
/// <param name="Command">Its name, for people.</param>
/// <param name="Rows">What it measures.</param>
internal sealed record Offer(string Command, IReadOnlyList<IRow> Rows)
{
    /// <summary>How often each side of a comparison is run, where the command line does not say.</summary>
    public int Runs { get; init; } = 5;

    /// <summary>Whether it has more data still to measure with.</summary>
    public bool HasLarge { get; init; }

    /// <summary>The Debian packages whose versions belong to the figures.</summary>
    public required IReadOnlyList<string> Packages { get; init; }

    /// <summary>How it is called.</summary>
    public string Usage => $"""
        usage: {Command} [ROW…] [--runs N] [--quick]{(HasLarge ? " [--large]" : string.Empty)} [--output FILE] [--directory DIR] [--sealift DIR] [--list]
          ROW              only these rows; --list says which there are
          --runs N         each side of a comparison N times ({Runs}; with --quick 2)
          --quick          small data, to see that everything works: the figures mean nothing{(HasLarge ? "\n  --large          the table of growth goes to 16 GiB of data and 64 TiB of disk, and to 64 GiB of data where there are 129 GiB of room" : string.Empty)}
          --output FILE    the report goes there and not to standard output
          --directory DIR  the data lie below it while this runs ($TMPDIR, else /var/tmp); it should be on the storage in question
          --sealift DIR    the sealift in this directory is measured, and not the one that was built here
        """;
}

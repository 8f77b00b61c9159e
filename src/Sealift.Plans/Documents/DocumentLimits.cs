using System.Globalization;

namespace Sealift.Plans.Documents;

/// <summary>How much a file with documents may hold: what is read here came from anywhere.</summary>
/// <param name="file">Its name, for errors.</param>
internal sealed class DocumentLimits(string file)
{
    /// <summary>Bytes in a file.</summary>
    public const int Bytes = 8 << 20;

    /// <summary>Values within values.</summary>
    public const int Depth = 32;

    /// <summary>Values in a file: ten thousand machines with fifty each, and as many besides.</summary>
    public const int Values = 1_000_000;

    private int values;

    /// <summary>Counts a value.</summary>
    /// <exception cref="Posix.SealiftException">SL7601: there are too many, or it lies too deep.</exception>
    public void Count(FilePosition at, int depth)
    {
        if (depth > Depth) throw DocumentErrors.TooMuch(file, at, string.Create(CultureInfo.InvariantCulture, $"values lie more than {Depth} deep within others"), "No document needs that: look for brackets or indents that were not meant");
        if (++values > Values) throw DocumentErrors.TooMuch(file, at, string.Create(CultureInfo.InvariantCulture, $"it has more than {Values} values"), "Spread the documents over several files");
    }
}

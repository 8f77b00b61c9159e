namespace Sealift.Bench.Mutation;

/// <summary>What is compiled into the mutated assembly: the switch that all mutants hang on.</summary>
internal static class MutantSwitch
{
    /// <summary>Its type there.</summary>
    public const string TypeName = "MutantSwitch";

    /// <summary>The variable that has the number of a mutant from the start of the process on.</summary>
    public const string Variable = "SEALIFT_MUTANT";

    /// <summary>Its source.</summary>
    public const string Source = """
        internal static class MutantSwitch
        {
            public static int Active = int.TryParse(System.Environment.GetEnvironmentVariable("SEALIFT_MUTANT"), out var n) ? n : -1;
            public static bool[] Reached;

            public static bool Is(int mutant)
            {
                if (Reached is { } reached) reached[mutant] = true;
                return mutant == Active;
            }
        }
        """;
}

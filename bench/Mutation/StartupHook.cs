/// <summary>Where the runtime looks when this assembly is named in DOTNET_STARTUP_HOOKS: it takes the test program's place.</summary>
internal static class StartupHook
{
    /// <summary>Called before the program's Main, which is never reached.</summary>
    public static void Initialize()
    {
        // What the tests start by themselves must not become a host of tests.
        Environment.SetEnvironmentVariable("DOTNET_STARTUP_HOOKS", null);
        Sealift.Bench.Mutation.TestHost.Run();
    }
}

/** The dashboard: what stands around every page. */
export function App() {
  return (
    <main>
      <h1>Kilonova</h1>
    </main>
  );
}

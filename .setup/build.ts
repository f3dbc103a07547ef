/** `npm run build`: builds the dashboard's pages, where they are not built of these sources yet. */
import { ensureDashboard } from '../actors/setup/dashboard.ts';

await ensureDashboard((line) => console.error(`kilonova: ${line}`));
